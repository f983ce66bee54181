/** Fourth step: a score becomes advice by the bank's thresholds, with reasons, and an alert where a person should look. Pure but for the clock. */
import { packVector } from '../../models/fold/vector-bytes.ts'
import { AssayError } from '../shared/errors.ts'
import { actions } from '../shared/events.ts'
import { encodeChallengers } from '../shared/tidb/row-bytes.ts'
import { actionOf } from '../shared/tidb/settings.ts'
import type { Decided, Verdict } from './batch.ts'
import type { Counted } from './counters/counted.ts'
import type { Move } from './intake/progress.ts'
import { backends, kept, type Scored } from './score.ts'

/** All that became of a batch, ready to be recorded; `touched` names the profiles that it changed, `counted` is what it adds to counters. */
export type Prepared = { verdicts: Verdict[]; moves: Move[]; touched: Set<string>; decided: Map<string, Decided>; counted: Counted }

/** Whether an approved transaction is drawn for review: by its content, so that a second look draws the same. */
export const isSampled = (contentHash: Buffer, rate: number): boolean => contentHash.readUInt32BE(0) < rate * 4_294_967_296

const approve = actions.indexOf('approve')

/** Gives rows that are not approved the reasons of the model that decided them, in one call for each. */
function explain({ by, features }: Scored, rows: readonly Decided[]): void {
  const told = rows.flatMap((row, i) => (row.action === approve ? [] : [i]))
  for (const model of new Set(told.map((i) => by[i]))) {
    const own = told.filter((i) => by[i] === model)
    model.scorer.explain(features, own).forEach(({ reasons }, k) => {
      rows[own[k]].reasons = reasons
    })
  }
}

export function decide(clock: () => number) {
  return function decide(batch: Scored): Prepared {
    const now = clock()
    const decided = new Map<string, Decided>()
    const rows: Decided[] = []
    batch.chosen.forEach((candidate, i) => {
      const { thresholds, alertOn, sampleRate } = candidate.tenant.settings
      const { version, scorer } = batch.by[i]
      const score = kept(batch.scores[i])
      if (Number.isNaN(score)) {
        throw new AssayError(
          'score_invalid',
          `the model gave ${batch.scores[i]} for ${candidate.transaction.id}, which is no probability; nothing is decided by it`,
        )
      }
      const action = actionOf(score, thresholds)
      const raised = alertOn.includes(action)
      const sampled = action === 'approve' && !raised && isSampled(candidate.contentHash, sampleRate)
      const row: Decided = {
        raw: candidate.raw,
        customer: candidate.customer,
        time: candidate.time,
        id: candidate.transaction.id,
        transaction: candidate.transaction,
        late: candidate.late,
        contentHash: candidate.contentHash,
        baseAmount: candidate.baseAmount,
        rateDate: candidate.rateDate,
        applied: candidate.applied,
        features: packVector(batch.features, i * batch.width, batch.width),
        score,
        action: actions.indexOf(action),
        alert: raised || sampled,
        sampled,
        sampleProbability: raised ? 1 : action === 'approve' ? sampleRate : 0,
        reasons: [],
        challengers: encodeChallengers(batch.challengers, i),
        model: version,
        policy: candidate.tenant.version,
        backend: backends.indexOf(scorer.backend),
        decided: now,
      }
      rows.push(row)
      decided.set(`${row.raw.tenant}:${row.id}`, row)
    })
    explain(batch, rows)
    const verdicts = batch.verdicts.map((v): Verdict => {
      if (v.kind === 'chosen') return { kind: 'decided', raw: v.raw, row: rows[v.index] }
      return v.kind === 'duplicate' && v.first === undefined ? { ...v, first: decided.get(`${v.raw.tenant}:${v.id}`) } : v
    })
    return { verdicts, moves: batch.moves, touched: batch.touched, decided, counted: batch.counted }
  }
}
