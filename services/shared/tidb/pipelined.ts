/**
 * Statements that are sent at once, so that the database goes from one to the next without waiting for this process, which may be busy with
 * something else. mysql2 sends one when the one before is answered.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { PoolConnection } from 'mysql2/promise'

const require = createRequire(import.meta.url)
/** A file of mysql2 that it does not export. */
const internal = (path: string) => require(join(dirname(require.resolve('mysql2')), 'lib', path))

type Packet = object
type Answer = { isError(): boolean; asError(encoding: string): Error }
/** What a statement without rows is answered by. */
export type Result = { affectedRows: number; changedRows: number }

/** The part of mysql2's own connection that is needed here. */
export type Core = {
  config: { clientFlags: number; charsetNumber: number }
  clientEncoding: string
  serverCapabilityFlags: number
  sequenceId: number
  addCommand(command: unknown): void
  writePacket(packet: Packet): void
  prepare(sql: string, done: (error: Error | null, statement: { id: number }) => void): void
}

const Command = internal('commands/command.js') as new () => { emit(event: 'end'): void }
const PacketOf = internal('packets/packet.js') as new (id: number, buffer: Buffer, start: number, end: number) => Packet
const TextQuery = internal('packets/query.js') as new (
  sql: string,
  charset: number,
  attributes: undefined,
  flags: number,
) => { toPacket(): Packet }
const ResultSetHeader = internal('packets/resultset_header.js') as new (answer: Answer, connection: Core) => Result

export const coreOf = (connection: PoolConnection): Core => connection.connection as unknown as Core

/** What both sides of the connection can do. */
export const flagsOf = ({ config, serverCapabilityFlags }: Core): number => config.clientFlags & serverCapabilityFlags

type Done = (error: Error | null, results: readonly Result[]) => void

class Pipelined extends Command {
  /** What mysql2 names in errors. */
  readonly sql: string
  onResult: Done
  readonly #packets: readonly Packet[]
  /** The number that the answer to each statement bears. */
  readonly #numbers: number[] = []
  readonly #results: Result[] = []
  #error: Error | null = null

  constructor(sql: string, packets: readonly Packet[], done: Done) {
    super()
    this.sql = sql
    this.#packets = packets
    this.onResult = done
  }

  /** mysql2 calls this to begin, without an answer, and then for each answer; true ends the command. */
  execute(answer: Answer | undefined, connection: Core): boolean {
    if (answer === undefined) {
      for (const packet of this.#packets) {
        connection.sequenceId = 0
        connection.writePacket(packet)
        this.#numbers.push(connection.sequenceId)
      }
      connection.sequenceId = this.#numbers[0]
      return false
    }
    if (answer.isError()) {
      this.#error ??= answer.asError(connection.clientEncoding)
      this.#results.push({ affectedRows: 0, changedRows: 0 })
    } else this.#results.push(new ResultSetHeader(answer, connection))
    if (this.#results.length < this.#packets.length) {
      connection.sequenceId = this.#numbers[this.#results.length]
      return false
    }
    this.onResult(this.#error, this.#results)
    this.emit('end')
    return true
  }
}

/**
 * Sends statements that give no rows, each a text or the packet of a prepared one as it goes out. Resolves to their results when all are answered,
 * and throws the first error if there is one: a statement behind a failed one is carried out. `sql` is what errors name.
 */
export function sendAtOnce(core: Core, sql: string, statements: readonly (string | Buffer)[]): Promise<readonly Result[]> {
  const packets = statements.map((statement) =>
    typeof statement === 'string'
      ? new TextQuery(statement, core.config.charsetNumber, undefined, flagsOf(core)).toPacket()
      : new PacketOf(0, statement, 0, statement.length),
  )
  return new Promise((resolve, reject) => {
    core.addCommand(new Pipelined(sql, packets, (error, results) => (error ? reject(error) : resolve(results))))
  })
}
