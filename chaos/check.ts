/** Counts the harm: from what was sent, and from TiDB, the topics, Redis and BullMQ as they are afterwards. It asks no service. */
import { createHash } from 'node:crypto'
import type { Queue } from 'bullmq'
import { readTopic } from '../infra/read-topic.ts'
import type { Store } from '../services/detector/counters/store.ts'
import { actions, innerTopics, tenantTopic } from '../services/shared/events.ts'
import type { Bus, Received } from '../services/shared/kafka/bus.ts'
import type { Database } from '../services/shared/tidb/database.ts'
import { wrongCounters } from './counters.ts'
import { partyKey, type Sent as SentByLoad } from './load.ts'

/** What may go wrong, and what each name means. */
export const harms = {
  lost: 'acknowledged transactions without a row or without a decision on the topic',
  decidedTwice: 'transactions with two rows',
  changed: 'transactions with two different decisions or alerts on the topic, or with another than in their row',
  offsetsUnaccounted: 'offsets of transactions with no outcome, or with more than one',
  countersWrong: 'merchants, devices and addresses whose counters in Redis are not what the rows come to',
  alertsMissing: 'rows with an alert and none on the topic',
  casesTwice: 'alerts in two cases, and customers with two cases open at a time',
  casesMissing: 'alerts without a case',
  escalationsTwice: 'steps of a case that were taken twice',
  escalationsMissing: 'steps that open cases have still to take, and those that were taken and nobody was told',
  bellsStuck: 'jobs that are overdue and that no worker takes',
  verdictsMissing: 'cases whose verdict was acknowledged, and which are not closed',
  labelsTwice: 'labels with two rows',
  labelsMissing: 'acknowledged labels, and those of verdicts, without a row',
  outcomesMissing: 'acknowledged outcomes without a row',
  partiesMissing: 'acknowledged versions of customers and instruments without a row',
  deadLettersMissing: 'poison that is not a dead letter in TiDB and on the topic',
} as const
export type Harm = keyof typeof harms
/** For each harm the ids that it was done to. */
export type Found = Record<Harm, string[]>

/** What was acknowledged: the load's, and the cases on which the analyst gave a verdict. */
export type Sent = SentByLoad & { verdicts: ReadonlySet<string> }

/** Where to look. `steps` is how many escalations an unclaimed case goes through. */
export type Places = { database: Database; bus: Bus; bells: Queue; counters: Store; tenant: string; steps: number }

const textOf = (r: Received): string => r.value?.toString() ?? ''
const fingerprint = (text: string): string => createHash('sha256').update(text).digest('base64').slice(0, 16)

type Message = { id: string; transaction: string; action: string; score: number }
type Published = { action: string; score: number; versions: Set<string> }

/** Messages of a topic by their transaction's id: what the last one says, and how many different ones there are. */
async function published(bus: Bus, topic: string, group: string, idOf: (message: Message) => string): Promise<Map<string, Published>> {
  const found = new Map<string, Published>()
  await readTopic(bus, topic, group, (r) => {
    const text = textOf(r)
    const message = JSON.parse(text) as Message
    const { action, score } = message
    const versions = found.get(idOf(message))?.versions ?? new Set()
    found.set(idOf(message), { action, score, versions: versions.add(fingerprint(text)) })
  })
  return found
}

/** A gap or an overlap of each partition: how many offsets progress claims against how many have an outcome. */
async function unaccounted(database: Database, tenant: string): Promise<string[]> {
  const parts = await database.query<{ part: number; next_offset: number; outcomes: number }>(
    `SELECT p.part, p.next_offset,
       (SELECT COUNT(*) FROM transactions t WHERE t.tenant = p.tenant AND t.part = p.part AND t.log = p.log)
       + (SELECT COUNT(*) FROM set_aside s WHERE s.tenant = p.tenant AND s.topic = p.topic AND s.part = p.part AND s.log = p.log)
       + (SELECT COUNT(*) FROM dead_letters d WHERE d.tenant = p.tenant AND d.topic = p.topic AND d.part = p.part AND d.log = p.log) AS outcomes
     FROM progress p WHERE p.tenant = ? AND p.topic = 'transactions'`,
    [tenant],
  )
  return parts.flatMap((p) => new Array<string>(Math.abs(p.next_offset - Number(p.outcomes))).fill(`partition ${p.part}`))
}

/** Customers with two cases that were open at the same time. */
function overlapping(cases: readonly { customer: string; opened: number; closed: number | null }[]): string[] {
  const twice: string[] = []
  const last = new Map<string, number>()
  for (const c of cases.toSorted((a, b) => a.opened - b.opened)) {
    if (c.opened < (last.get(c.customer) ?? 0)) twice.push(c.customer)
    last.set(c.customer, Math.max(last.get(c.customer) ?? 0, c.closed ?? Number.POSITIVE_INFINITY))
  }
  return twice
}

/** Milliseconds that a bell may be late on a busy machine. */
const late = 15_000

/** Jobs that should have rung long ago. Those that a worker had in hand when it was killed are another's a minute or two later. */
async function stuck(bells: Queue): Promise<string[]> {
  const jobs = await bells.getJobs(['delayed', 'waiting', 'prioritized'])
  return jobs.filter((job) => job && job.timestamp + job.delay < Date.now() - late).map((job) => String(job.id))
}

/** Those of `list` that stand in it for the second time or more. */
const repeated = (list: readonly string[]): string[] => {
  const seen = new Set<string>()
  return list.filter((id) => seen.size === seen.add(id).size)
}

/** Those of `wanted` that are not in all the places. */
const missing = (wanted: Iterable<string>, ...places: { has(id: string): boolean }[]): string[] =>
  [...wanted].filter((id) => !places.every((p) => p.has(id)))

/** Looks for all of it as it is now. */
export async function findHarm({ database, bus, bells, counters, tenant, steps }: Places, sent: Sent): Promise<Found> {
  const group = `chaos-check-${Date.now()}`
  const all = <T>(sql: string) => database.query<T>(sql, [tenant])
  const rows = await all<{ id: string; alert: number; action: number; score: number }>(
    'SELECT id, alert, action, score FROM transactions WHERE tenant = ?',
  )
  const decided = new Map(rows.map((r) => [r.id, r]))
  const decisions = await published(bus, tenantTopic(tenant, 'decisions'), `${group}-decisions`, (d) => d.id)
  const alerts = await published(bus, tenantTopic(tenant, 'alerts'), `${group}-alerts`, (a) => a.transaction)
  const changed = ([id, { action, score, versions }]: [string, Published]) => {
    const row = decided.get(id)
    return versions.size > 1 || (row !== undefined && (actions[row.action] !== action || row.score !== score))
  }
  const letters: string[] = []
  await readTopic(bus, innerTopics.deadLetters, `${group}-letters`, (r) => {
    const letter = JSON.parse(textOf(r)) as { tenant: string; value: string | null }
    if (letter.tenant === tenant && letter.value) letters.push(Buffer.from(letter.value, 'base64').toString('latin1'))
  })
  const lettersKept = (await all<{ record_value: Buffer | null }>('SELECT record_value FROM dead_letters WHERE tenant = ?')).map(
    (l) => l.record_value?.toString('latin1') ?? '',
  )
  const tokensIn = (texts: readonly string[]) => new Set(texts.flatMap((t) => /poison-\d+-\d+/.exec(t)?.[0] ?? []))
  const [lettersOut, lettersIn] = [tokensIn(letters), tokensIn(lettersKept)]

  const cases = await all<{
    id: string
    customer: string
    state: string
    step: number
    sample: number
    opened: number
    closed: number | null
  }>('SELECT id, customer, state, step, sample, opened, closed FROM cases WHERE tenant = ?')
  const inCases = await all<{ case_id: string; transaction_id: string; alert: Buffer }>(
    'SELECT case_id, transaction_id, alert FROM case_transactions WHERE tenant = ?',
  )
  const cased = new Set(inCases.map((c) => c.transaction_id))
  const history = await all<{ case_id: string; detail: string }>(
    "SELECT case_id, detail FROM case_history WHERE tenant = ? AND event = 'escalated'",
  )
  const escalated = history.map((e) => `${e.case_id} ${(JSON.parse(e.detail) as { step: number }).step}`)
  const taken = new Set(escalated)
  /** The steps that each case has behind it, and all of them where nobody has claimed it. */
  const owed = cases.flatMap((c) => {
    const unclaimed = c.state === 'open' && c.sample === 0
    return Array.from({ length: unclaimed ? steps : c.step }, (_, step) => `${c.id} ${step}`)
  })
  const told = new Set(
    (await all<{ case_id: string; step: number }>('SELECT case_id, step FROM notifications WHERE tenant = ? AND sent IS NOT NULL')).map(
      (n) => `${n.case_id} ${n.step}`,
    ),
  )
  const labels = (await all<{ id: string }>('SELECT id FROM labels WHERE tenant = ?')).map((l) => l.id)
  const labelled = new Set(labels)
  const judged = new Set(cases.filter((c) => c.state === 'closed').map((c) => c.id))
  const verdicts = inCases
    .filter((c) => judged.has(c.case_id))
    .map((c) => `verdict-${(JSON.parse(c.alert.toString()) as { id: string }).id}`)
  const outcomes = new Set((await all<{ id: string }>('SELECT id FROM outcomes WHERE tenant = ?')).map((o) => o.id))
  const parties = new Set([
    ...(await all<{ customer: string; valid_from: number }>('SELECT customer, valid_from FROM customers WHERE tenant = ?')).map((c) =>
      partyKey(c, c.valid_from),
    ),
    ...(
      await all<{ customer: string; instrument: string; valid_from: number }>(
        'SELECT customer, instrument, valid_from FROM instruments WHERE tenant = ?',
      )
    ).map((i) => partyKey(i, i.valid_from)),
  ])
  const alerted = rows.filter((r) => r.alert === 1).map((r) => r.id)
  return {
    lost: missing(sent.transactions, decided, decisions),
    decidedTwice: repeated(rows.map((r) => r.id)),
    changed: [...decisions, ...alerts].filter(changed).map(([id]) => id),
    offsetsUnaccounted: await unaccounted(database, tenant),
    countersWrong: await wrongCounters(database, counters, tenant),
    alertsMissing: missing(alerted, alerts),
    casesTwice: [...repeated(inCases.map((c) => c.transaction_id)), ...overlapping(cases)],
    casesMissing: missing(alerted, cased),
    escalationsTwice: repeated(escalated),
    escalationsMissing: [...missing(owed, taken), ...missing(taken, told)],
    bellsStuck: await stuck(bells),
    verdictsMissing: missing(sent.verdicts, judged),
    labelsTwice: repeated(labels),
    labelsMissing: missing([...sent.labels, ...verdicts], labelled),
    outcomesMissing: missing(sent.outcomes, outcomes),
    partiesMissing: missing(sent.parties, parties),
    deadLettersMissing: missing(sent.poison, lettersOut, lettersIn),
  }
}
