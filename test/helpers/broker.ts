/** A broker of a test's own, that can be killed and come back with what it had. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kafka } from '../../infra/stack/kafka.ts'
import { launchServer } from '../../infra/stack/launch.ts'
import { isAlive } from '../../infra/stack/process.ts'
import { down } from '../../infra/stack/stack.ts'
import { eventually } from './servers.ts'

export type Broker = { address: string; kill(): Promise<void>; start(): Promise<unknown>; remove(): Promise<void> }

/** Starts it; whoever calls this also calls `remove`. */
export async function ownBroker(): Promise<Broker> {
  const directory = mkdtempSync(join(tmpdir(), 'assay-kafka-'))
  const report = () => undefined
  const remove = async () => {
    await down(directory, { erase: true })
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const program = await kafka(directory, report)
    const { address, port, process: first } = await launchServer(directory, 'kafka', program, report)
    return {
      address,
      async kill() {
        process.kill(first?.pid ?? 0, 'SIGKILL')
        await eventually('the end of the broker', () => first !== undefined && !isAlive(first))
      },
      start: () => launchServer(directory, 'kafka', program, report, port),
      remove,
    }
  } catch (error) {
    await remove()
    throw error
  }
}
