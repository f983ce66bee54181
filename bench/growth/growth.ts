/** `npm run bench -- growth`: what becomes of rates, memory, storage and restarts as a bank's history grows. */
import { createBank } from '../bank.ts'
import { type Conditions, conditionsOf } from '../conditions.ts'
import { type Spread, spreadOf } from '../process.ts'
import type { Watched } from '../servers.ts'
import type { Target } from '../targets.ts'
import { type CountersPoint, countersOf, often } from './counters.ts'
import { byTransactions, type HeavyPoint } from './heavy.ts'
import { makeHistory } from './history.ts'
import { byCustomers, type MemoryPoint, type Shape } from './memory.ts'
import { restarts } from './restart.ts'
import { byRows, type RowsPoint } from './rows.ts'
import { type Soak, soak } from './soak.ts'
import { type Storage, settled, storageOf, storeOf } from './storage.ts'
import { targetsOf } from './targets.ts'

/** In the order in which they are measured: what a fresh store takes comes first. */
export const parts = ['storage', 'restart', 'redis', 'memory', 'heavy', 'rows', 'soak'] as const
export type Part = (typeof parts)[number]

/** How large everything is. */
export type Sizes = {
  storage: { decided: number; rows: number; customers: number }
  restart: { runs: number }
  redis: { each: number; seldom: number }
  memory: readonly Shape[]
  heavy: { each: readonly number[]; decided: number; backlog: number }
  rows: { rows: readonly number[]; decided: number; customers: number; backlog: number; runs: number }
  soak: { minutes: number; secondsEach: number; customers: number; backlog: number }
}
export type GrowthOptions = Watched & { only: readonly Part[]; sizes: Sizes }
export type GrowthReport = {
  bench: 'growth'
  conditions: Conditions & Record<string, unknown>
  storage?: Storage
  /** Seconds from spawn to the first decision of what was sent since, beside so many rows. */
  restart?: { rows: number; seconds: Spread }
  redis?: { often: CountersPoint; seldom: CountersPoint }
  memory?: MemoryPoint[]
  heavy?: HeavyPoint[]
  rows?: RowsPoint[]
  soak?: Soak
  targets: Target[]
}

/** Storage and restart want the same bank. */
async function stored(options: GrowthOptions): Promise<Pick<GrowthReport, 'storage' | 'restart'>> {
  const { only, sizes } = options
  const folder = storeOf(options)
  const empty = folder && only.includes('storage') ? await settled(folder) : undefined
  const bank = await createBank(options.env)
  try {
    const { decided, rows, customers } = sizes.storage
    const history = await makeHistory(bank, options, { seed: 900, customers }, { decided, rows })
    return {
      ...(only.includes('storage') ? { storage: await storageOf(bank, history.rows, options, empty) } : {}),
      ...(only.includes('restart')
        ? { restart: { rows: history.rows, seconds: spreadOf(await restarts(bank, history, sizes.restart.runs, options), 2) } }
        : {}),
    }
  } finally {
    await bank.close()
  }
}

async function counted({ sizes, ...watched }: GrowthOptions): Promise<NonNullable<GrowthReport['redis']>> {
  const { each, seldom } = sizes.redis
  return { often: await countersOf(each, often, watched), seldom: await countersOf(each, seldom, watched) }
}

/** Measures the chosen parts, one after another. Throws when something that was sent is not decided. */
export async function growth(options: GrowthOptions): Promise<GrowthReport> {
  const { only, sizes } = options
  const conditions = conditionsOf(options, Object.fromEntries(only.map((part) => [part, sizes[part]])))
  const measured: Omit<GrowthReport, 'bench' | 'conditions' | 'targets'> = {}
  for (const part of parts) {
    if (!only.includes(part)) continue
    if (part === 'storage' || (part === 'restart' && !only.includes('storage'))) Object.assign(measured, await stored(options))
    if (part === 'redis') measured.redis = await counted(options)
    if (part === 'memory') measured.memory = await byCustomers(sizes.memory, options)
    if (part === 'heavy') measured.heavy = await byTransactions(sizes.heavy.each, { ...options, ...sizes.heavy })
    if (part === 'rows') measured.rows = await byRows({ ...options, ...sizes.rows, people: { seed: 950, customers: sizes.rows.customers } })
    if (part === 'soak') measured.soak = await soak({ ...options, ...sizes.soak })
  }
  return { bench: 'growth', conditions, ...measured, targets: targetsOf(measured) }
}
