/** A bank that floods the gateway by HTTP, beside another one that sends what it always sends: who is answered what, and how soon. */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../infra/stack/ports.ts'
import { tenantTopic } from '../../services/shared/events.ts'
import { addApiKey } from '../../services/shared/http/auth.ts'
import { defaultSettings, saveSettings } from '../../services/shared/tidb/settings.ts'
import { type Bank, sizeOf, streamOf } from '../bank.ts'
import { endDetector, mustRun, spawnGateway } from '../detector.ts'
import { memoryOf, type Percentiles, percentilesOf } from '../process.ts'
import { atLeast, atMost, type Target } from '../targets.ts'

/** Of one bank: answers by status, and how long they took in ms. */
type Answered = { requests: number; byStatus: Record<string, number>; ms: Percentiles }
export type HttpReport = {
  /** Transactions a second that the gateway takes in from the flooding bank, that were offered, and that were taken in. */
  limit: number
  offered: number
  accepted: number
  flood: Answered
  other: Answered
  /** Answers of 429 that did not say when to come again. */
  withoutRetryAfter: number
  /** What the bank was answered once it had waited as long as it was told. */
  afterwards: number
  /** Transactions of answers of 202, and records in Kafka. */
  acknowledged: number
  inKafka: number
  gatewayMb: { before: number; peak: number }
  targets: Target[]
}

type Reply = { status: number; retryAfter: number | undefined; ms: number }
type Client = { post(body: string): Promise<Reply>; replies: Reply[] }

const limit = 1000
/** Transactions in a request of the flood, and requests of the other bank a second, of one each. */
const [inRequest, otherPerSecond] = [10, 20]

function clientOf(port: number, key: string): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const replies: Reply[] = []
  return {
    replies,
    post: (body) =>
      new Promise((resolve) => {
        const began = performance.now()
        const end = (status: number, retryAfter?: string) => {
          const reply = { status, retryAfter: retryAfter === undefined ? undefined : Number(retryAfter), ms: performance.now() - began }
          replies.push(reply)
          resolve(reply)
        }
        const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
        request({ port, host: '127.0.0.1', path: '/v1/transactions', method: 'POST', agent, headers }, (response) => {
          response.resume().once('end', () => end(response.statusCode ?? 0, response.headers['retry-after']))
        })
          .once('error', () => end(0))
          .end(body)
      }),
  }
}

/** Posts by a schedule that waits for nobody. */
async function paced(client: Client, bodies: readonly string[], perSecond: number, seconds: number): Promise<void> {
  const began = performance.now()
  const posted: Promise<Reply>[] = []
  for (let n = 0; n < perSecond * seconds; n++) {
    const wait = began + (n * 1000) / perSecond - performance.now()
    if (wait > 0) await sleep(wait)
    posted.push(client.post(bodies[n % bodies.length]))
  }
  await Promise.all(posted)
}

function answered(replies: readonly Reply[]): Answered {
  const byStatus: Record<string, number> = {}
  for (const { status } of replies) byStatus[status] = (byStatus[status] ?? 0) + 1
  return { requests: replies.length, byStatus, ms: percentilesOf(replies.map((r) => r.ms)) }
}

const others = (byStatus: Record<string, number>, ...expected: string[]) =>
  Object.entries(byStatus).reduce((sum, [status, n]) => sum + (expected.includes(status) ? 0 : n), 0)

/** Floods the gateway with four times what the bank may send. What lies in the topic of either bank before does not count. */
export async function httpFlood(bank: Bank, quiet: string, seconds: number): Promise<HttpReport> {
  const limits = { ...defaultSettings.limits, eventsPerSecond: limit }
  await saveSettings(bank.database, bank.tenant, { ...defaultSettings, limits }, 'bench')
  const keys = await Promise.all([bank.tenant, quiet].map((tenant) => addApiKey(bank.database, tenant, 'bench')))
  const port = await freePort()
  const gateway = spawnGateway(bank.config, port)
  try {
    const [flood, other] = keys.map(({ key }) => clientOf(port, key))
    const bodiesOf = (tenant: string, events: number, of: number) => {
      const values = streamOf(tenant, events, 8300).transactions.map((t) => t.value as string)
      return Array.from({ length: Math.floor(values.length / of) }, (_, i) => values.slice(i * of, (i + 1) * of)).map((some) => `[${some}]`)
    }
    const [floods, few] = [bodiesOf(bank.tenant, 20_000, inRequest), bodiesOf(quiet, 1000, 1)]
    while ((await other.post(few[0])).status !== 202) {
      mustRun(gateway, 'the gateway')
      await sleep(50)
    }
    other.replies.length = 0
    const topic = tenantTopic(bank.tenant, 'transactions')
    const [before, mb] = [await sizeOf(bank.bus, topic), memoryOf(gateway.pid as number)]
    let peak = mb
    const looking = setInterval(() => {
      peak = Math.max(peak, memoryOf(gateway.pid as number))
    }, 100)
    const began = performance.now()
    await Promise.all([paced(flood, floods, (4 * limit) / inRequest, seconds), paced(other, few, otherPerSecond, seconds)])
    clearInterval(looking)
    const took = (performance.now() - began) / 1000
    const during = [...flood.replies]
    const refused = during.filter((r) => r.status === 429)
    await sleep((refused.at(-1)?.retryAfter ?? 0) * 1000)
    const afterwards = (await flood.post(floods[0])).status
    const [of, besides] = [answered(during), answered(other.replies)]
    const acknowledged = flood.replies.filter((r) => r.status === 202).length * inRequest
    const inKafka = (await sizeOf(bank.bus, topic)) - before
    const withoutRetryAfter = refused.filter((r) => !((r.retryAfter ?? 0) > 0)).length
    return {
      ...{ limit, offered: Math.round((during.length * inRequest) / took), flood: of, other: besides, withoutRetryAfter, afterwards },
      accepted: Math.round(((of.byStatus[202] ?? 0) * inRequest) / took),
      ...{ acknowledged, inKafka, gatewayMb: { before: mb, peak } },
      targets: [
        atLeast('flood by HTTP: answers of 429', of.byStatus[429] ?? 0, 1, 1),
        atMost('flood by HTTP: answers that are neither 202 nor 429', others(of.byStatus, '202', '429'), 0, 0),
        atMost('flood by HTTP: answers of 429 without Retry-After', withoutRetryAfter, 0, 0),
        atMost('flood by HTTP: status after the wait that was asked for', afterwards, 202, 202),
        atMost('other bank by HTTP: answers that are not 202', others(besides.byStatus, '202'), 0, 0),
        atMost('acknowledged by HTTP and not in Kafka', Math.max(0, acknowledged - inKafka), 0, 0),
      ],
    }
  } finally {
    await endDetector(gateway)
  }
}
