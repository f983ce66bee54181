/** Sixth step: what was recorded goes out, at least once and always the same; nothing goes out before it is recorded. */
import { tenantTopic } from '../shared/events.ts'
import type { Bus, Outgoing } from '../shared/kafka/bus.ts'
import { deadLetterMessage } from '../shared/kafka/dead-letters.ts'
import type { Verdict } from './batch.ts'
import { messagesOf } from './messages.ts'

/** The messages of one verdict, in order. */
function outgoing(v: Verdict): Outgoing[] {
  switch (v.kind) {
    case 'decided':
      return messagesOf(v.raw.tenant, v.row)
    case 'duplicate':
      return v.first ? messagesOf(v.raw.tenant, v.first) : []
    case 'dead_letter':
      return [deadLetterMessage(v.raw, v.reason, v.detail, v.value, v.at)]
    case 'moved':
      return [{ topic: tenantTopic(v.raw.tenant, v.raw.topic), key: v.key, value: v.raw.value as Buffer, timestamp: v.raw.received }]
    default:
      return []
  }
}

/** Bytes of one request: Kafka refuses more than a topic's `max.message.bytes` for one partition. */
const mostBytes = 1_000_000

const bytesOf = ({ key, value }: Outgoing): number => key.length + value.length + 100

/** Requests in order, each with at most `most` bytes unless one record alone has more. */
export function requestsOf(records: readonly Outgoing[], most: number = mostBytes): Outgoing[][] {
  const requests: Outgoing[][] = [[]]
  let bytes = 0
  for (const record of records) {
    const more = bytesOf(record)
    if (bytes > 0 && bytes + more > most) {
      requests.push([])
      bytes = 0
    }
    requests[requests.length - 1].push(record)
    bytes += more
  }
  return requests
}

export function publish(bus: Bus) {
  return async function publish(verdicts: readonly Verdict[]): Promise<void> {
    const records: Outgoing[] = []
    for (const v of verdicts) for (const record of outgoing(v)) records.push(record)
    for (const request of requestsOf(records)) await bus.send(request)
  }
}
