/** Casework: turns alerts into cases, tells someone, and keeps telling. */
import type { Config } from '../shared/config.ts'
import { messageOf } from '../shared/errors.ts'
import { tenantTopic } from '../shared/events.ts'
import { type Bell, createBell } from '../shared/jobs.ts'
import { type Consumption, createBus } from '../shared/kafka/bus.ts'
import { type Service, untilItWorks } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { createDatabase } from '../shared/tidb/database.ts'
import { readTenants, type Tenant } from '../shared/tidb/settings.ts'
import { type EscalationJob, escalate } from './escalate.ts'
import { createNotifier } from './notify.ts'
import { openCases } from './open-cases.ts'
import { createSweep } from './sweep.ts'

const every = 5000

/**
 * Makes casework. Each part can be away for a while: without Kafka no alert comes, without TiDB alerts wait in Kafka, without Redis the
 * sweep (every `sweepMs`) takes the steps that are `graceMs` overdue. `health` names what is away.
 */
export function createCasework(config: Config, telemetry: Telemetry, options: { sweepMs?: number; graceMs?: number } = {}): Service {
  const clock = Date.now
  const database = createDatabase(config.sql)
  const bus = createBus(config.kafka, { name: 'assay-casework', telemetry })
  let tenants: ReadonlyMap<string, Tenant> = new Map()
  let consumption: Consumption | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = true
  let started = false
  let busy = false
  let refreshing: Promise<void> = Promise.resolve()

  const notifier = createNotifier(database, () => tenants, telemetry, clock)
  const answer = escalate({ database, bell: () => bell, tenants: () => tenants, notifier, telemetry, clock })
  const bell: Bell<EscalationJob> = createBell({ redis: config.redisJobs, prefix: config.group, name: 'escalations', telemetry, answer })
  const sweep = createSweep({
    database,
    answer,
    tenants: () => [...tenants.keys()],
    notifier,
    telemetry,
    clock,
    everyMs: options.sweepMs ?? every,
    graceMs: options.graceMs ?? 2000,
  })
  const each = openCases({ database, bus, bell, tenants: () => tenants, telemetry, clock })

  /** Banks that have come are listened to, with the settings that are newest. */
  const refresh = async () => {
    const next = new Map((await readTenants(database)).map((t) => [t.tenant, t]))
    const changed = next.size !== tenants.size || [...next.keys()].some((t) => !tenants.has(t))
    tenants = next
    if ((!changed && consumption) || stopped) return
    await consumption?.stop()
    consumption = undefined
    if (next.size === 0) return
    const listening = bus.consume({
      group: `${config.group}-casework`,
      topics: [...next.keys()].map((t) => tenantTopic(t, 'alerts')),
      fromBeginning: true,
      each,
    })
    try {
      await listening.start()
    } catch (error) {
      await listening.stop().catch(() => undefined)
      throw error
    }
    consumption = listening
  }

  return {
    name: 'casework',
    async start() {
      if (!stopped) return
      stopped = false
      const over = () => stopped
      await untilItWorks('TiDB', telemetry, over, () => database.ping())
      await untilItWorks('Kafka', telemetry, over, () => bus.start())
      if (stopped) return
      await bell.start()
      await untilItWorks('Kafka and TiDB', telemetry, over, refresh)
      if (stopped) return
      await sweep.start()
      timer = setInterval(() => {
        if (busy) return
        busy = true
        refreshing = refresh()
          .catch((error: unknown) => telemetry.logger.warn({ reason: messageOf(error) }, 'banks could not be read; those known go on'))
          .finally(() => {
            busy = false
          })
      }, every)
      started = true
    },
    async stop() {
      if (stopped) return
      stopped = true
      started = false
      clearInterval(timer)
      await refreshing
      await consumption?.stop()
      await sweep.stop()
      await bell.stop()
      await notifier.stop()
      await bus.stop()
      await database.stop()
    },
    health() {
      const problems = [...bell.health().problems]
      const sweeping = sweep.problem()
      if (sweeping) problems.push(sweeping)
      if (!started) problems.push('casework is not started, or still waits for Kafka or TiDB')
      else if (consumption && !consumption.ready()) problems.push('casework has not joined its Kafka group')
      return { ready: problems.length === 0, problems }
    },
  }
}
