/** Counts the harm: from what was sent, and from TiDB and the topics as they are afterwards. It asks no service. */
import { createHash } from 'node:crypto'
import { readTopic } from '../infra/read-topic.ts'
import type { Bus, Received } from '../services/shared/bus.ts'
import type { Database } from '../services/shared/database.ts'
import { innerTopics, tenantTopic } from '../services/shared/events.ts'
import type { Sent } from './load.ts'

export type Harm = {
  /** Acknowledged ids without a row or without a decision on the topic. */
  lost: number
  decidedTwice: number
  /** Ids with two different decisions on the topic. */
  changed: number
  /** Offsets with no outcome, or with more than one. */
  offsetsUnaccounted: number
  alertsMissing: number
  casesTwice: number
  casesMissing: number
  escalationsTwice: number
  escalationsMissing: number
  labelsTwice: number
  labelsMissing: number
  outcomesMissing: number
  deadLettersMissing: number
}

const textOf = (r: Received): string => r.value?.toString() ?? ''
const fingerprint = (text: string): string => createHash('sha256').update(text).digest('base64').slice(0, 16)

/** Messages of a topic by the id in them: how many different ones there are. */
async function byId(bus: Bus, topic: string, group: string, idOf: (value: { id: string; transaction: string }) => string) {
  const versions = new Map<string, Set<string>>()
  await readTopic(bus, topic, group, (r) => {
    const text = textOf(r)
    const id = idOf(JSON.parse(text) as { id: string; transaction: string })
    const known = versions.get(id)
    if (known) known.add(fingerprint(text))
    else versions.set(id, new Set([fingerprint(text)]))
  })
  return versions
}

/** A gap or an overlap for each partition: how many offsets progress claims against how many have an outcome. */
async function unaccounted(database: Database, tenant: string): Promise<number> {
  const parts = await database.query<{ part: number; next_offset: number; outcomes: number }>(
    `SELECT p.part, p.next_offset,
       (SELECT COUNT(*) FROM transactions t WHERE t.tenant = p.tenant AND t.part = p.part AND t.log = p.log)
       + (SELECT COUNT(*) FROM set_aside s WHERE s.tenant = p.tenant AND s.topic = p.topic AND s.part = p.part AND s.log = p.log)
       + (SELECT COUNT(*) FROM dead_letters d WHERE d.tenant = p.tenant AND d.topic = p.topic AND d.part = p.part AND d.log = p.log) AS outcomes
     FROM progress p WHERE p.tenant = ? AND p.topic = 'transactions'`,
    [tenant],
  )
  return parts.reduce((sum, p) => sum + Math.abs(p.next_offset - Number(p.outcomes)), 0)
}

/** Customers with two cases that were open at the same time. */
function overlapping(cases: readonly { customer: string; opened: number; closed: number | null }[]): number {
  let twice = 0
  const last = new Map<string, number>()
  for (const c of cases.toSorted((a, b) => a.opened - b.opened)) {
    if (c.opened < (last.get(c.customer) ?? 0)) twice++
    last.set(c.customer, Math.max(last.get(c.customer) ?? 0, c.closed ?? Number.POSITIVE_INFINITY))
  }
  return twice
}

/** `steps` is how many escalations an unclaimed case goes through. */
export async function countHarm(database: Database, bus: Bus, tenant: string, sent: Sent, steps: number): Promise<Harm> {
  const group = `chaos-check-${Date.now()}`
  const all = <T>(sql: string) => database.query<T>(sql, [tenant])
  const rows = await all<{ id: string; alert: number }>('SELECT id, alert FROM transactions WHERE tenant = ?')
  const decided = new Set(rows.map((r) => r.id))
  const decisions = await byId(bus, tenantTopic(tenant, 'decisions'), `${group}-decisions`, (d) => d.id)
  const alerts = await byId(bus, tenantTopic(tenant, 'alerts'), `${group}-alerts`, (a) => a.transaction)
  const letters: string[] = []
  await readTopic(bus, innerTopics.deadLetters, `${group}-letters`, (r) => {
    const letter = JSON.parse(textOf(r)) as { tenant: string; value: string | null }
    if (letter.tenant === tenant && letter.value) letters.push(Buffer.from(letter.value, 'base64').toString('latin1'))
  })
  const lettersKept = (await all<{ record_value: Buffer | null }>('SELECT record_value FROM dead_letters WHERE tenant = ?')).map(
    (l) => l.record_value?.toString('latin1') ?? '',
  )
  const tokensIn = (texts: readonly string[]) => new Set(texts.flatMap((t) => /poison-\d+-\d+/.exec(t)?.[0] ?? []))
  const [published, kept] = [tokensIn(letters), tokensIn(lettersKept)]

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
  const escalated = await all<{ case_id: string; detail: string }>(
    "SELECT case_id, detail FROM case_history WHERE tenant = ? AND event = 'escalated'",
  )
  const taken = new Set(escalated.map((e) => `${e.case_id} ${(JSON.parse(e.detail) as { step: number }).step}`))
  const owed = cases.filter((c) => c.state === 'open' && c.sample === 0)
  const labels = await all<{ id: string }>('SELECT id FROM labels WHERE tenant = ?')
  const labelled = new Set(labels.map((l) => l.id))
  const judged = new Set(cases.filter((c) => c.state === 'closed').map((c) => c.id))
  const verdicts = inCases
    .filter((c) => judged.has(c.case_id))
    .map((c) => `verdict-${(JSON.parse(c.alert.toString()) as { id: string }).id}`)
  const outcomes = new Set((await all<{ id: string }>('SELECT id FROM outcomes WHERE tenant = ?')).map((o) => o.id))
  const missing = (wanted: Iterable<string>, ...places: ReadonlySet<string>[]) => {
    let n = 0
    for (const id of wanted) if (!places.every((p) => p.has(id))) n++
    return n
  }
  const alerted = rows.filter((r) => r.alert === 1).map((r) => r.id)
  return {
    lost: missing(sent.transactions, decided, new Set(decisions.keys())),
    decidedTwice: rows.length - decided.size,
    changed: [...decisions.values(), ...alerts.values()].filter((v) => v.size > 1).length,
    offsetsUnaccounted: await unaccounted(database, tenant),
    alertsMissing: missing(alerted, new Set(alerts.keys())),
    casesTwice: inCases.length - cased.size + overlapping(cases),
    casesMissing: missing(alerted, cased),
    escalationsTwice: escalated.length - taken.size,
    escalationsMissing: owed.reduce((sum, c) => sum + Math.max(0, steps - c.step), 0),
    labelsTwice: labels.length - labelled.size,
    labelsMissing: missing(sent.labels, labelled) + missing(verdicts, labelled),
    outcomesMissing: missing(sent.outcomes, outcomes),
    deadLettersMissing: missing(sent.poison, published, kept),
  }
}
