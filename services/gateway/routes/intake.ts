/** POST /v1/<topic>: one event, an array that is taken in whole or not at all, or NDJSON that is answered line by line. */
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { AssayError } from '../../shared/errors.ts'
import { tenantTopic } from '../../shared/events.ts'
import { Problem } from '../../shared/http/problems.ts'
import type { Outgoing } from '../../shared/kafka/bus.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import { defaultSettings, type Settings } from '../../shared/tidb/settings.ts'
import type { Banks } from '../banks.ts'
import { type Fault, mostFaults } from '../faults.ts'
import { type IncomingTopic, incoming, incomingTopics } from '../incoming.ts'
import { type Json, parseJson } from '../json.ts'
import type { Limits } from '../limits.ts'
import type { Outbound } from '../outbound.ts'
import { type Bank, prepare, type Ready } from '../prepare.ts'
import { answerLines } from '../stream.ts'

const Accepted = Type.Object(
  { accepted: Type.Integer(), ids: Type.Array(Type.String()) },
  { description: 'All replicas of Kafka have them. Ids of events that have one' },
)

/** Bytes of a body of JSON at most. */
export const mostBytes = 1_048_576

type Dependencies = { banks: Banks; outbound: Outbound; limits: Limits; telemetry: Telemetry; tokenKey: string }

/** Events a second that a gateway takes in from the bank. */
const perSecondOf = ({ limits }: Pick<Settings, 'limits'>): number =>
  limits.eventsPerSecond ?? (defaultSettings.limits.eventsPerSecond as number)

/** All events of a body prepared, or `invalid` with every fault of every event. */
function prepareAll(topic: IncomingTopic, { value, fractions }: Json, bank: Bank, now: number): Ready[] {
  const given = Array.isArray(value) ? value : [value]
  if (given.length === 0)
    throw new AssayError('invalid', 'The array is empty', { status: 400, details: { faults: [{ path: '', fault: 'is empty' }] } })
  const ready: Ready[] = []
  const faults: Fault[] = []
  let wrong = 0
  given.forEach((event, i) => {
    const fraction = Array.isArray(fractions) ? fractions[i] : fractions
    const prepared = prepare(topic, event, fraction, bank, now)
    if ('ready' in prepared) {
      ready.push(prepared.ready)
      return
    }
    wrong++
    const prefix = Array.isArray(value) ? `/${i}` : ''
    faults.push(...prepared.faults.map(({ path, fault }) => ({ path: prefix + path, fault })))
  })
  if (wrong === 0) return ready
  const listed = faults.slice(0, 10 * mostFaults)
  const of = Array.isArray(value) ? `${wrong} of ${given.length} events have faults` : 'The event has faults'
  const more = listed.length < faults.length ? `; ${listed.length} of ${faults.length} faults are listed` : ''
  throw new AssayError('invalid', `${of}, so nothing was taken in${more}`, { status: 400, details: { faults: listed } })
}

/** The routes of all topics that a bank may write. */
export const intakeRoutes = ({ banks, outbound, limits, telemetry, tokenKey }: Dependencies) =>
  async function intake(app: FastifyInstance): Promise<void> {
    const events = telemetry.counter('assay_gateway_events_total', 'Events that came in', ['tenant', 'topic', 'result'])
    const acks = telemetry.histogram('assay_gateway_ack_seconds', "Time until Kafka's acks")

    app.removeAllContentTypeParsers()
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
      try {
        done(null, parseJson(body as Buffer))
      } catch (error) {
        done(error as Error)
      }
    })
    app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload))
    app.addHook('preParsing', async (request, reply) => {
      outbound.mustBeThere()
      const charset = /;\s*charset="?([^\s;"]+)/i.exec(request.headers['content-type'] ?? '')?.[1]
      const encoding = request.headers['content-encoding'] ?? 'identity'
      if (charset && !/^utf-?8$/i.test(charset))
        throw new AssayError('media_type', `Send UTF-8, not ${charset.slice(0, 20)}`, { status: 415 })
      if (encoding !== 'identity') throw new AssayError('media_type', 'Compressed bodies are not read', { status: 415 })
      const { tenant } = request.caller
      const { settings } = await banks.get(tenant)
      // A stream counts as what may be held of it.
      const bytes = Math.min(mostBytes, Number(request.headers['content-length'] ?? mostBytes))
      reply.raw.once('close', limits.enter(tenant, bytes, perSecondOf(settings)))
    })

    for (const topic of incomingTopics) {
      const sendAll = async ({ tenant, settings }: Bank, ready: readonly Ready[], now: number) => {
        const records = ready.map(({ key, value }): Outgoing => ({ topic: tenantTopic(tenant, topic), key, value, timestamp: now }))
        const end = acks.startTimer()
        await outbound.send(records)
        end()
        limits.spend(tenant, ready.length, perSecondOf(settings))
        events.inc({ tenant, topic, result: 'accepted' }, ready.length)
      }
      const schema = {
        summary: `Take in ${topic}`,
        description:
          'One event or an array, which is taken in whole or not at all; or application/x-ndjson, an event a line (at most 64 kB) and as many as you like: a stream is slowed to what the bank may send a second, ' +
          'which is the limit of everything else (429). It is answered by a line for each, {"line", "id", "status": "accepted" | "refused" | "not_taken", "faults"}, and {"summary"} last.',
        security: [{ key: [] }],
        consumes: ['application/json', 'application/x-ndjson'],
        body: Type.Union([incoming[topic], Type.Array(incoming[topic], { minItems: 1 })]),
        response: { 200: Type.String({ description: 'application/x-ndjson: the answers to a stream' }), 202: Accepted, default: Problem },
      }
      app.post(
        `/v1/${topic}`,
        { schema, validatorCompiler: () => () => true, serializerCompiler: () => JSON.stringify },
        async (request: FastifyRequest, reply) => {
          const { tenant } = request.caller
          const { settings } = await banks.get(tenant)
          const bank: Bank = { tenant, settings, tokenKey }
          const count = (result: string, n: number) => n > 0 && events.inc({ tenant, topic, result }, n)
          if (request.body instanceof Readable) {
            const answers = await answerLines(request.body, {
              prepare({ value, fractions }) {
                const prepared = prepare(topic, value, fractions, bank, Date.now())
                if ('faults' in prepared) count('refused', 1)
                return prepared
              },
              async send(ready) {
                await sendAll(bank, ready, Date.now())
                // What is not read the bank's own connection holds up. A little at a time, since it may be closed meanwhile.
                for (let ms = limits.wait(tenant); ms > 0 && !request.socket.destroyed; ms = limits.wait(tenant))
                  await sleep(Math.min(ms, 500))
              },
            })
            return reply.type('application/x-ndjson').serializer(String).send(Readable.from(answers))
          }
          if (request.body === undefined || request.body === null) throw new AssayError('not_json', 'The body is empty', { status: 400 })
          const now = Date.now()
          let ready: Ready[]
          try {
            ready = prepareAll(topic, request.body as Json, bank, now)
          } catch (error) {
            count('refused', 1)
            throw error
          }
          await sendAll(bank, ready, now)
          return reply.code(202).send({ accepted: ready.length, ids: ready.flatMap(({ id }) => id ?? []) })
        },
      )
    }
  }
