/** One detector that decides the same amount again and again, after each the yardsticks on the same records: what disturbs one disturbs the others. */
import { setTimeout as sleep } from 'node:timers/promises'
import { tenantTopic } from '../../services/shared/events.ts'
import { createBank, load, sizeOf, streamOf, waitForSize } from '../bank.ts'
import { endDetector, mustRun, spawnDetector } from '../detector.ts'
import { deadline } from '../drain.ts'
import { cpuLine, meterCpu } from '../process.ts'
import { processesOf, type Watched } from '../servers.ts'
import { insertAlone, passThrough, rowsOf } from '../yardsticks.ts'
import type { Round } from './costs.ts'

const seed = 9100
/** Rounds that are left out: in them programs are compiled and tables are made known. */
const warmUp = 3

/** Measures so many rounds of so many transactions. */
export async function measureRounds(options: Watched & { transactions: number; rounds: number }): Promise<Round[]> {
  const bank = await createBank(options.env)
  const other = await createBank(options.env)
  const child = spawnDetector(bank.config)
  const decisions = tenantTopic(bank.tenant, 'decisions')
  let passed = 0
  const round = async (n: number): Promise<Round> => {
    const stream = streamOf(bank.tenant, options.transactions, seed + n)
    const records = stream.transactions.length
    const before = await sizeOf(bank.bus, decisions)
    const used = meterCpu([{ name: 'assay', pid: child.pid as number }, ...processesOf(options)], 1)
    await load(bank.bus, stream.transactions)
    await waitForSize(bank.bus, decisions, before + records, deadline, () => mustRun(child))
    const decided = used(records)
    passed += records
    return {
      decided,
      passed: await passThrough(bank, other, { records, passed }, options),
      inserted: (await insertAlone(other, await rowsOf(bank, stream), options)).cpuUs,
    }
  }
  try {
    const rounds: Round[] = []
    for (let n = 1 - warmUp; n <= options.rounds; n++) {
      // What the servers do behind the last insert is not the next round's.
      await sleep(500)
      const one = await round(n)
      if (n < 1) continue
      const { decided, passed: through, inserted } = one
      process.stderr.write(
        `round ${n} of ${options.rounds}: decided ${cpuLine(decided)}; passed ${cpuLine(through)}; inserted ${cpuLine(inserted)}\n`,
      )
      rounds.push(one)
    }
    return rounds
  } finally {
    await endDetector(child)
    await other.close()
    await bank.close()
  }
}
