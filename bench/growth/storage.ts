/** What a transaction takes: in TiDB, computed and on the disk, and its decision in Kafka. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tenantTopic } from '../../services/shared/events.ts'
import { type Bank, sizeOf } from '../bank.ts'
import type { Watched } from '../servers.ts'
import { type Stored, storedOf } from '../stored.ts'

export type Storage = {
  rows: number
  /** Bytes of the keys and values of a transaction's row and indexes; absent where the database is not TiDB. */
  computed?: Stored
  /**
   * What the store's folder has grown by for each row, and its tables alone, without the newest writes' log, which is some 800 MB however much is
   * stored; absent where the servers are not the bench's own, or too few rows were stored to tell.
   */
  folder?: { all: number; tables: number }
  /** Bytes of a record in Kafka: key and value of a decision as they were read, and what each topic has on the disk, where that can be seen. */
  decision: number
  onDisk?: { transaction: number; decision: number }
}

/** Rows from which on the store's folder says something: it keeps what is new in memory, and takes room before it needs it. */
const tellingRows = 500_000

/**
 * Bytes that all files in a folder and its folders, whose names end so, have on the disk: room that is only reserved does not count, nor does a
 * file that goes away meanwhile.
 */
export function bytesIn(folder: string, ending = ''): number {
  if (!existsSync(folder)) return 0
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile() && f.name.endsWith(ending))
    .reduce((sum, f) => sum + 512 * (statSync(join(f.parentPath, f.name), { throwIfNoEntry: false })?.blocks ?? 0), 0)
}

/** Where TiDB keeps its data, when the bench's own stack runs it. */
export const storeOf = ({ directory, servers }: Watched): string | undefined => {
  const folder = join(directory, 'data', 'tidb', 'store')
  return servers.some((s) => s.name === 'sql' && s.product === 'TiDB' && s.pid !== undefined) && existsSync(folder) ? folder : undefined
}

/** Bytes of the store once they have stood still for a while: it goes on writing when all is committed. */
export async function settled(folder: string, seconds = 120): Promise<number> {
  let bytes = bytesIn(folder)
  for (const until = Date.now() + seconds * 1000; Date.now() < until; ) {
    await sleep(5000)
    const now = bytesIn(folder)
    if (now === bytes) break
    bytes = now
  }
  return bytes
}

/** Mean bytes of a record in a topic, of the first thousands. */
async function recordBytes(bank: Bank, topic: string): Promise<number> {
  let [bytes, records] = [0, 0]
  const most = Math.min(5000, await sizeOf(bank.bus, topic))
  await new Promise<void>((resolve, reject) => {
    const reading = bank.bus.consume({
      group: `${topic}.bytes`,
      topics: [topic],
      fromBeginning: true,
      each: (batch) => {
        for (const { key, value } of batch) bytes += (key?.length ?? 0) + (value?.length ?? 0)
        records += batch.length
        if (records >= most) void reading.stop().then(resolve, reject)
        return Promise.resolve()
      },
    })
    reading.start().catch(reject)
  })
  return Math.round(bytes / records)
}

/** Mean bytes of a record in a topic on the disk of the bench's own Kafka; undefined where that cannot be seen. */
async function diskBytes(bank: Bank, topic: string, { directory }: Watched): Promise<number | undefined> {
  const logs = join(directory, 'data', 'kafka', 'logs')
  const parts = existsSync(logs) ? readdirSync(logs).filter((name) => name.replace(/-\d+$/, '') === topic) : []
  if (parts.length === 0) return undefined
  const files = parts.flatMap((part) => readdirSync(join(logs, part)).flatMap((f) => (f.endsWith('.log') ? [join(logs, part, f)] : [])))
  return Math.round(files.reduce((sum, file) => sum + statSync(file).size, 0) / (await sizeOf(bank.bus, topic)))
}

/** Measures a bank whose store had `before` bytes when it held nothing. */
export async function storageOf(bank: Bank, rows: number, watched: Watched, before: number | undefined): Promise<Storage> {
  const folder = storeOf(watched)
  const topic = (name: 'transactions' | 'decisions') => tenantTopic(bank.tenant, name)
  const grown = folder && before !== undefined && rows >= tellingRows ? (await settled(folder)) - before : undefined
  const onTidb = watched.servers.some((s) => s.name === 'sql' && s.product === 'TiDB')
  const [transaction, decision] = [
    await diskBytes(bank, topic('transactions'), watched),
    await diskBytes(bank, topic('decisions'), watched),
  ]
  return {
    rows,
    ...(onTidb ? { computed: await storedOf(bank.database, bank.tenant) } : {}),
    ...(folder && grown !== undefined
      ? { folder: { all: Math.round(grown / rows), tables: Math.round(bytesIn(folder, '.sst') / rows) } }
      : {}),
    decision: await recordBytes(bank, topic('decisions')),
    ...(transaction !== undefined && decision !== undefined ? { onDisk: { transaction, decision } } : {}),
  }
}
