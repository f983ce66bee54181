/** Sending to a gateway as a bank does, as a stream of lines. */
import type { IncomingTopic } from '../services/gateway/incoming.ts'
import type { LineAnswer } from '../services/gateway/stream.ts'
import { AssayError, messageOf } from '../services/shared/errors.ts'

/** What a problem (RFC 9457) says, else the beginning of the body. */
function detailOf(body: string): string {
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown }
    if (typeof detail === 'string') return detail
  } catch {
    // A proxy in between answers as it likes.
  }
  return body.slice(0, 300)
}

/**
 * Posts events to `/v1/<topic>` and resolves with the answer to each, accepted or refused, in their order. Rejects with `gateway_away`
 * where nothing answers, `gateway_refused` where the whole was refused, and `kafka_away` where the gateway could not take in all;
 * what was taken in is recognised when it is sent again.
 */
export async function postLines(url: string, key: string, topic: IncomingTopic, events: readonly unknown[]): Promise<LineAnswer[]> {
  const answer = async () => {
    const response = await fetch(`${url}/v1/${topic}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
      body: events.map((event) => JSON.stringify(event)).join('\n'),
    })
    return { status: response.status, body: await response.text() }
  }
  const { status, body } = await answer().catch((error: unknown) => {
    const { cause } = error as Error
    throw new AssayError('gateway_away', `The gateway does not answer at ${url}: ${messageOf(cause ?? error)}`, { cause: error })
  })
  if (status !== 200) throw new AssayError('gateway_refused', `The gateway answered ${status} to ${topic}: ${detailOf(body)}`)
  const answers = body
    .trimEnd()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LineAnswer)
  const lost = answers.find((a) => a.status === 'not_taken')
  if (lost || answers.length !== events.length)
    throw new AssayError(
      'kafka_away',
      `The gateway has not taken in ${lost?.id ?? 'all that was sent'}, since Kafka is away; run the same again later`,
    )
  return answers
}
