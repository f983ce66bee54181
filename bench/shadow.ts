/** `npm run bench -- throughput --shadow`: what a model in shadow costs, by pairs of runs with and without one, which take turns in going first. */
import { modelFolder } from '../models/artefact.ts'
import type { ModelSource } from '../models/parts.ts'
import { register, shadow } from '../services/shared/tidb/model-changes.ts'
import { type Bank, createBank, load, streamOf } from './bank.ts'
import { type Drained, drain } from './drain.ts'
import type { Watched } from './servers.ts'

export type ShadowReport = {
  bench: 'shadow'
  transactions: number
  pairs: { without: Drained; with: Drained; ratio: number }[]
  /** CPU of the detector with one in shadow over that without: the median of the pairs. */
  ratio: number
  target: { atMost: number; met: boolean }
}

const atMost = 1.1
const because = { by: 'bench', reason: 'to measure' }

/** The shipped model under another name, so that the registry takes it for another one. */
function renamed(source: ModelSource): ModelSource {
  return {
    name: source.name,
    read: async (file) => {
      const bytes = await source.read(file)
      return file === 'manifest.json' ? Buffer.from(JSON.stringify({ ...JSON.parse(bytes.toString()), name: 'challenger' })) : bytes
    },
  }
}

async function putInShadow({ database, config }: Bank): Promise<void> {
  const shipped = modelFolder(config.modelDirectory)
  await register(database, shipped, because)
  await shadow(database, await register(database, renamed(shipped), because), because)
}

async function once(seed: number, inShadow: boolean, options: Watched & { transactions: number }): Promise<Drained> {
  const bank = await createBank(options.env)
  try {
    if (inShadow) await putInShadow(bank)
    const stream = streamOf(bank.tenant, options.transactions, seed)
    await load(bank.bus, stream.transactions)
    const drained = await drain(bank, { records: stream.transactions.length, distinct: stream.distinct }, options)
    const [{ scored }] = await bank.database.query<{ scored: number }>("SELECT COUNT(NULLIF(challengers, '')) AS scored FROM transactions")
    if (drained.decided !== drained.sent || scored !== (inShadow ? drained.decided : 0))
      throw new Error(`${drained.sent} distinct transactions were sent, ${drained.decided} decided, ${scored} scored in shadow`)
    return drained
  } finally {
    await bank.close()
  }
}

/** Runs the pairs. Throws when what was decided is not what was sent, or a transaction was not scored in shadow. */
export async function shadowCost(options: Watched & { transactions: number; runs: number }): Promise<ShadowReport> {
  const pairs: ShadowReport['pairs'] = []
  for (let n = 0; n < options.runs; n++) {
    const runs: Drained[] = []
    for (const inShadow of n % 2 === 0 ? [false, true] : [true, false]) runs.push(await once(100 + n, inShadow, options))
    const [without, other] = n % 2 === 0 ? runs : runs.toReversed()
    const ratio = Math.round((other.cpuUs.assay / without.cpuUs.assay) * 1000) / 1000
    process.stderr.write(
      `pair ${n + 1} of ${options.runs}: ${without.cpuUs.assay} µs a transaction without, ${other.cpuUs.assay} with one in shadow: ${ratio}\n`,
    )
    pairs.push({ without, with: other, ratio })
  }
  const ratios = pairs.map((p) => p.ratio).sort((a, b) => a - b)
  const ratio = (ratios[(ratios.length - 1) >> 1] + ratios[ratios.length >> 1]) / 2
  return { bench: 'shadow', transactions: options.transactions, pairs, ratio, target: { atMost, met: ratio <= atMost } }
}
