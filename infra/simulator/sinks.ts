/** Where a simulated stream goes: a file, a bank's topics in Kafka, or the gateway. */
import type { Config } from '../../services/shared/config.ts'
import { AssayError } from '../../services/shared/errors.ts'
import { tenantTopic, topics } from '../../services/shared/events.ts'
import { createBus } from '../../services/shared/kafka/bus.ts'
import { createTelemetry } from '../../services/shared/telemetry.ts'
import { createDatabase } from '../../services/shared/tidb/database.ts'
import { findTenant } from '../commands/tenants.ts'
import { postLines } from '../gateway-lines.ts'
import { createTextFile } from '../text-file.ts'
import type { SimulatedEvent } from './simulate.ts'

export type Sink = { send(events: readonly SimulatedEvent[]): Promise<void>; end(): Promise<void> }

/** Everything as NDJSON, with its topic. */
export function ndjsonSink(path: string): Sink {
  const file = createTextFile(path)
  return {
    send(events) {
      let text = ''
      for (const { topic, event } of events) text += `{"topic":"${topic}","event":${JSON.stringify(event)}}\n`
      return file.write(text)
    },
    end: file.end,
  }
}

const columns = [
  'id',
  'kind',
  'originalId',
  'instrument',
  'last4',
  'customer',
  'direction',
  'counterparty',
  'counterpartyName',
  'category',
  'amount',
  'currency',
  'time',
  'entryMode',
  'channel',
  'device',
  'ip',
  'country',
] as const
const cell = (value: unknown) =>
  value === undefined ? '' : /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value)

/** The transactions alone as CSV, amounts in minor units. */
export function csvSink(path: string): Sink {
  const file = createTextFile(path)
  let head = `${columns.join(',')},lat,lon\n`
  return {
    async send(events) {
      let text = head
      head = ''
      for (const { topic, event } of events)
        if (topic === 'transactions')
          text += `${columns.map((c) => cell(event[c])).join(',')},${event.place?.lat ?? ''},${event.place?.lon ?? ''}\n`
      await file.write(text)
    },
    end: file.end,
  }
}

/** Straight to the topics of a bank that there is; else rejects with `tenant_unknown`. */
export async function kafkaSink(config: Config, tenant: string): Promise<Sink> {
  const database = createDatabase(config.sql, { poolSize: 1 })
  try {
    await findTenant(database, tenant)
  } finally {
    await database.stop()
  }
  const bus = createBus(config.kafka, { name: 'assay-simulate', telemetry: createTelemetry('assay', config.logLevel) })
  await bus.start()
  return {
    send: (events) =>
      bus.send(
        events.map(({ topic, event }) => ({
          topic: tenantTopic(event.tenant, topic),
          key: (topics[topic].key as (e: unknown) => string)(event),
          value: JSON.stringify(event),
        })),
      ),
    end: bus.stop,
  }
}

/** Through the gateway, topic by topic. The first event that it refuses ends the play, since a simulated one has no faults. */
export function gatewaySink(url: string, key: string): Sink {
  return {
    async send(events) {
      for (const topic of ['parties', 'transactions', 'outcomes', 'labels'] as const) {
        const ofTopic = events.filter((e) => e.topic === topic)
        if (ofTopic.length === 0) continue
        const answers = await postLines(
          url,
          key,
          topic,
          ofTopic.map(({ event }) => event),
        )
        const refused = answers.find(({ faults }) => faults)
        if (refused)
          throw new AssayError(
            'gateway_refused',
            `The gateway refused ${topic}: ${refused.faults?.map(({ path, fault }) => `${path} ${fault}`).join('; ')}`,
          )
      }
    },
    end: () => Promise.resolve(),
  }
}
