/** One run of chaos: bring everything up, load it, do the faults, wait until all is quiet, count. */

import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeRates } from '../infra/commands/rates.ts'
import { migrate } from '../infra/migrations/migrate.ts'
import { createRandom } from '../infra/simulator/random.ts'
import { down, up } from '../infra/stack/stack.ts'
import { ratesOf } from '../infra/start/rates.ts'
import { addUser } from '../services/console/users.ts'
import { addApiKey } from '../services/shared/auth.ts'
import { createBus } from '../services/shared/bus.ts'
import { readConfig } from '../services/shared/config.ts'
import { createDatabase, ensureDatabase } from '../services/shared/database.ts'
import { createTenant } from '../services/shared/settings.ts'
import { createTelemetry } from '../services/shared/telemetry.ts'
import { createServerActor, createService } from './actors.ts'
import { judge } from './analyst.ts'
import { type BreakName, breaks } from './breaks.ts'
import { countHarm, type Harm } from './check.ts'
import { commit, type FaultKind, faultKinds, planFaults } from './faults.ts'
import { startLoad } from './load.ts'
import { settle } from './settle.ts'
import { untilDecided, watchDecisions } from './watch.ts'

export type ChaosOptions = {
  transactions: number
  kills: number
  seed: number
  break?: BreakName
  directory: string
  say: (line: string) => void
}
export type Figures = { transactions: number; resends: number; poison: number; kills: number; faults: Record<FaultKind, number> } & Harm & {
    recoveryMsMax: number
  }

/** Milliseconds that a recovery may take; what was broken on purpose never recovers. */
const longest = 120_000
const longestBroken = 15_000
const ladder = [
  { role: 'analyst', afterSeconds: 3 },
  { role: 'lead', afterSeconds: 3 },
  { role: 'manager', afterSeconds: 3 },
] as const

export async function chaos(options: ChaosOptions): Promise<{ figures: Figures; good: boolean; verdict: string }> {
  const { directory, say } = options
  const random = createRandom(options.seed)
  const stack = await up({ directory, report: ({ message }) => say(message) })
  const mark = randomBytes(4).toString('hex')
  const env = {
    ...stack.env,
    ASSAY_DATABASE: `assay_chaos_${mark}`,
    ASSAY_GROUP: `chaos-${mark}`,
    ASSAY_SECRET: randomBytes(32).toString('hex'),
    ASSAY_LOG_LEVEL: 'info',
  }
  const config = readConfig({ ...env, ASSAY_GATEWAY_PORT: '0', ASSAY_CONSOLE_PORT: '0', ASSAY_HEALTH_PORT: '0' })
  const closing: (() => Promise<unknown>)[] = [() => down(directory, { erase: true })]
  try {
    await ensureDatabase(config.sql)
    const database = createDatabase(config.sql)
    closing.unshift(() => database.stop())
    await migrate(database)
    const bus = createBus(config.kafka, { name: 'chaos', telemetry: createTelemetry('chaos', 'silent'), patience: 60_000 })
    await bus.start()
    closing.unshift(() => bus.stop())
    await bus.ensureInnerTopics()
    await writeRates(database, ratesOf(new Date()))
    const tenant = `chaos-${mark}`
    await createTenant(database, bus, { tenant, partitions: 4, settings: { sampleRate: 0.005, escalation: [...ladder] } })
    const { key } = await addApiKey(database, tenant, 'chaos')
    const password = randomBytes(12).toString('hex')
    await addUser(database, { name: 'chaos', tenant, role: 'analyst', password })

    mkdirSync(join(directory, 'logs'), { recursive: true })
    const broken = options.break && breaks[options.break]
    const flags = broken ? ['--import', './chaos/break-sources.mjs'] : []
    const service = (name: string, of: string) =>
      createService(name, of, {
        directory,
        flags,
        env: broken ? { ...env, CHAOS_EDITS: JSON.stringify(broken.edits) } : env,
        sql: () => config.sql,
      })
    const gateway = await service('gateway', 'gateway')
    const board = await service('console', 'console')
    const services = [
      gateway,
      board,
      await service('detector-1', 'detector'),
      await service('detector-2', 'detector'),
      await service('casework', 'casework'),
    ]
    for (const s of services) {
      await s.start()
      closing.unshift(async () => {
        await s.end()
        await s.link?.stop()
      })
    }
    const servers = (['kafka', 'sql', 'redis'] as const).map((name) => createServerActor(name, stack, directory))
    const plan = planFaults([...services, ...servers], options.kills, random)

    const watch = await watchDecisions(bus, tenant, `chaos-watch-${mark}`)
    closing.unshift(() => watch.stop())
    const load = startLoad({
      bus,
      tenant,
      gateway: gateway.url,
      key,
      seed: options.seed,
      transactions: options.transactions,
      rate: Math.max(20, Math.min(1000, options.transactions / (plan.length * 12))),
      random: createRandom(options.seed + 1).next,
    })
    closing.unshift(async () => {
      load.stop()
      await load.done
    })
    const judging = judge({ console: board.url, tenant, name: 'chaos', password, every: 2000 })
    closing.unshift(() => judging.stop())

    const faults = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>
    const patience = broken ? longestBroken : longest
    let recoveryMsMax = 0
    await started(watch.decided)
    for (const [i, fault] of plan.entries()) {
      await new Promise((resolve) => setTimeout(resolve, 500 + random.next() * 1000))
      await commit(fault)
      faults[fault.kind]++
      const before = [...load.sent.transactions]
      const took = await untilDecided(before, watch, patience)
      recoveryMsMax = Math.max(recoveryMsMax, took ?? patience)
      say(
        `${i + 1} of ${plan.length}: ${fault.kind} ${fault.actor.name} for ${fault.seconds.toFixed(1)} s; ` +
          `${took === undefined ? `NOT decided after ${patience / 1000} s` : `all of ${before.length} decided ${(took / 1000).toFixed(1)} s after it`}`,
      )
    }
    say('no more faults; the rest of the load follows')
    await load.done
    await judging.stop()
    say('waiting until all is decided, every case has climbed its ladder and every label is there')
    await settle(database, bus, tenant, load.sent, ladder.length)
    const harm = await countHarm(database, bus, tenant, load.sent, ladder.length)
    const figures: Figures = {
      transactions: load.sent.transactions.size,
      resends: load.sent.resends,
      poison: load.sent.poison.size,
      kills: options.kills,
      faults,
      ...harm,
      recoveryMsMax,
    }
    const harmed = Object.entries(harm).filter(([, n]) => n > 0)
    if (broken)
      return {
        figures,
        good: harm[broken.caughtBy] > 0,
        verdict:
          harm[broken.caughtBy] > 0 ? `caught: ${broken.caughtBy} is ${harm[broken.caughtBy]}` : `NOT CAUGHT: ${broken.caughtBy} is 0`,
      }
    return {
      figures,
      good: harmed.length === 0,
      verdict: harmed.length === 0 ? 'no harm' : `HARM: ${harmed.map(([name, n]) => `${name} ${n}`).join(', ')}`,
    }
  } finally {
    for (const close of closing)
      await close().catch((error: unknown) => say(`while closing: ${error instanceof Error ? error.message : error}`))
  }
}

/** Waits until the first decision is there, so that faults meet a system at work. */
async function started(decided: ReadonlySet<string>): Promise<void> {
  const deadline = Date.now() + longest
  while (decided.size === 0) {
    if (Date.now() > deadline) throw new Error(`nothing was decided within ${longest / 1000} s; the services' logs say why`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
