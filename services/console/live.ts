/** What the page shows as it happens: alerts from Kafka, and once a second the figures of each bank. */
import { Compile } from 'typebox/compile'
import { messageOf } from '../shared/errors.ts'
import { type Alert, tenantTopic, topics } from '../shared/events.ts'
import type { Bus } from '../shared/kafka/bus.ts'
import type { Health, Part } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { type Database, isConnectionLost } from '../shared/tidb/database.ts'
import { readTenants } from '../shared/tidb/settings.ts'
import { sees } from './access.ts'
import type { CaseChange, Pulse, Snapshot } from './api.ts'
import { createFigures } from './figures.ts'
import { type Tail, tail } from './tail.ts'
import type { User } from './users.ts'

export type LiveEvent = { name: 'alert'; data: Alert } | { name: 'pulse'; data: Pulse } | { name: 'case'; data: CaseChange }
export type Live = Part & {
  health(): Health
  /** What this user sees of the last minutes. */
  snapshot(user: User): Snapshot
  /** Calls with each event that this user may see until the returned function is called. */
  subscribe(user: User, listener: (event: LiveEvent) => void): () => void
  announce(change: CaseChange): void
}

const keptAlerts = 500
const shownAlerts = 100
const keptPulses = 300
const lookEveryMs = 1000
const tenantsEvery = 5

const alertSchema = Compile(topics.alerts.schema)

/** The part of an event that the user may see; undefined when there is none. */
export function narrow(user: Pick<User, 'tenant'>, event: LiveEvent): LiveEvent | undefined {
  if (user.tenant === null) return event
  if (event.name !== 'pulse') return sees(user, event.data.tenant) ? event : undefined
  const figures = event.data.tenants[user.tenant]
  return { name: 'pulse', data: { at: event.data.at, tenants: figures ? { [user.tenant]: figures } : {} } }
}

/** Follows all banks, also those that are made while it runs. */
export function createLive(database: Database, bus: Bus, telemetry: Telemetry, group: string): Live {
  const alerts = new Map<string, Alert>()
  const pulses: Pulse[] = []
  const listeners = new Set<{ user: User; listener: (event: LiveEvent) => void }>()
  const figures = createFigures(database, bus)
  let tenants: string[] = []
  let following: Tail | undefined
  let problem: string | undefined = 'the live feed has not begun'
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined
  let looks = 0

  const publish = (event: LiveEvent) => {
    for (const { user, listener } of listeners) {
      const seen = narrow(user, event)
      if (seen) listener(seen)
    }
  }

  /** Alerts are delivered at least once, so the id decides whether it is news. */
  const take = (topic: string, value: Buffer) => {
    const alert = parse(value)
    if (!alert || topic !== tenantTopic(alert.tenant, 'alerts') || alerts.has(alert.id)) return
    alerts.set(alert.id, alert)
    if (alerts.size > keptAlerts) alerts.delete(alerts.keys().next().value as string)
    publish({ name: 'alert', data: alert })
  }

  const follow = async () => {
    const now = (await readTenants(database)).map((t) => t.tenant)
    if (following && now.join() === tenants.join()) return
    await following?.stop()
    const next = tail(bus, telemetry, { group, topics: now.map((t) => tenantTopic(t, 'alerts')), last: 25, each: take })
    following = next
    await next.start()
    tenants = now
  }

  const look = async () => {
    try {
      if (looks++ % tenantsEvery === 0) await follow()
      const pulse = await figures.look(tenants)
      pulses.push(pulse)
      if (pulses.length > keptPulses) pulses.shift()
      publish({ name: 'pulse', data: pulse })
      problem = undefined
    } catch (error) {
      // A tail that did not start is made anew at the next look.
      if (following && !following.ready()) {
        await following.stop().catch(() => undefined)
        following = undefined
        looks = 0
      }
      const away = (error as Error).name.startsWith('KafkaJS') ? 'Kafka: ' : isConnectionLost(error) ? 'TiDB: ' : ''
      problem = `the live feed stands still: ${away}${messageOf(error)}`
      telemetry.logger.warn({ reason: messageOf(error) }, 'the live feed stands still and tries again')
    }
  }

  const tick = () => {
    looking ??= look().finally(() => {
      looking = undefined
    })
  }

  return {
    name: 'live feed',
    health: () => ({ ready: problem === undefined, problems: problem === undefined ? [] : [problem] }),
    async start() {
      if (timer) return
      timer = setInterval(tick, lookEveryMs)
      tick()
      await looking
    },
    async stop() {
      clearInterval(timer)
      timer = undefined
      await looking
      await following?.stop()
      following = undefined
    },
    snapshot(user) {
      const seen = [...alerts.values()].filter((alert) => sees(user, alert.tenant))
      seen.sort((a, b) => Date.parse(b.decidedAt) - Date.parse(a.decidedAt))
      return {
        alerts: seen.slice(0, shownAlerts),
        pulses: pulses.map((data) => narrow(user, { name: 'pulse', data })?.data as Pulse),
      }
    },
    subscribe(user, listener) {
      const entry = { user, listener }
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },
    announce: (data) => publish({ name: 'case', data }),
  }
}

function parse(value: Buffer): Alert | undefined {
  try {
    const alert: unknown = JSON.parse(value.toString())
    return alertSchema.Check(alert) ? (alert as Alert) : undefined
  } catch {
    return undefined
  }
}
