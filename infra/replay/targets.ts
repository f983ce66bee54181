/** Where a replay sends to: a bank's topics in Kafka, or the gateway. */
import { type Bank, prepare } from '../../services/gateway/prepare.ts'
import { type TenantTopic, tenantTopic } from '../../services/shared/events.ts'
import type { Bus, Outgoing } from '../../services/shared/kafka/bus.ts'
import { ConfigResourceTypes } from '../../services/shared/kafka/kafkajs.ts'
import { postLines } from '../gateway-lines.ts'

/** An event of a row: `time` is when it happened or was known, in milliseconds. */
export type Item = { topic: 'transactions' | 'labels'; fields: Record<string, unknown>; time: number }
/** Reasons why each item was refused; undefined for those that are in. In the order of the items. */
export type Sent = (string[] | undefined)[]
export type Target = { send(items: readonly Item[]): Promise<Sent>; notes(): string[] }

const day = 86_400_000

/** Keeps records whose timestamps lie in the past: Kafka would delete what is older than its topic's retention, read or not. */
function createRetention(bus: Bus, tenant: string) {
  const oldest = new Map<string, number>()
  const notes: string[] = []
  const read = async (topic: string) => {
    const admin = await bus.admin()
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
    })
    return resources[0].configEntries
  }
  /** Makes sure that a record of `time` stays for two weeks from now. */
  const keep = async (name: TenantTopic, time: number) => {
    const topic = tenantTopic(tenant, name)
    if (time >= (oldest.get(topic) ?? Number.POSITIVE_INFINITY)) return
    const entries = await read(topic)
    const now = Number(entries.find((e) => e.configName === 'retention.ms')?.configValue ?? -1)
    const needed = Math.ceil((Date.now() - time) / day + 14) * day
    if (now !== -1 && now < needed) {
      // Kafka takes the list for the whole truth, so what the topic had is said again.
      const own = entries.filter((e) => !e.isDefault && !e.readOnly && e.configName !== 'retention.ms')
      const configEntries = [
        ...own.map((e) => ({ name: e.configName, value: e.configValue })),
        { name: 'retention.ms', value: String(needed) },
      ]
      const admin = await bus.admin()
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
      })
      notes.push(`${topic} now keeps records for ${needed / day} days, so that Kafka does not delete old ones before they are decided`)
    }
    oldest.set(topic, now === -1 ? Number.NEGATIVE_INFINITY : time)
  }
  return { keep, notes: () => notes }
}

/**
 * Sends to Kafka. A record's timestamp is the event's own time, at most now, so that the bank's limits on age and clock compare as they
 * would have when it happened.
 */
export function kafkaTarget(bus: Bus, bank: Bank): Target {
  const retention = createRetention(bus, bank.tenant)
  return {
    notes: retention.notes,
    async send(items) {
      const records: Outgoing[] = []
      const oldest = new Map<Item['topic'], number>()
      const sent = items.map(({ topic, fields, time }) => {
        const timestamp = Math.min(time, Date.now())
        if (timestamp < 0) return ['/time is before 1970, which Kafka has no timestamp for']
        const prepared = prepare(topic, fields, undefined, bank, timestamp)
        if ('faults' in prepared) return prepared.faults.map(({ path, fault }) => `${path || '/'} ${fault}`)
        const { key, value } = prepared.ready
        records.push({ topic: tenantTopic(bank.tenant, topic), key, value, timestamp })
        oldest.set(topic, Math.min(timestamp, oldest.get(topic) ?? timestamp))
        return undefined
      })
      for (const [topic, time] of oldest) await retention.keep(topic, time)
      await bus.send(records)
      return sent
    },
  }
}

/** Sends through the gateway, as streams of lines; what it refuses comes back with its reasons. */
export function gatewayTarget(url: string, key: string): Target {
  return {
    notes: () => [],
    async send(items) {
      const sent: Sent = items.map(() => undefined)
      for (const topic of ['transactions', 'labels'] as const) {
        const places = items.flatMap((item, i) => (item.topic === topic ? [i] : []))
        if (places.length === 0) continue
        const answers = await postLines(
          url,
          key,
          topic,
          places.map((i) => items[i].fields),
        )
        places.forEach((place, i) => {
          sent[place] = answers[i].faults?.map(({ path, fault }) => `${path || '/'} ${fault}`)
        })
      }
      return sent
    },
  }
}
