/** Fourth step: a score becomes advice by the bank's thresholds, with reasons, and an alert where a person should look. Pure but for the clock. */
import { AssayError } from '../shared/errors.ts'
import { actions } from '../shared/events.ts'
import type { Settings } from '../shared/settings.ts'
import type { Decided, Verdict } from './batch.ts'
import type { Counted } from './counters/counters.ts'
import type { Move } from './intake/progress.ts'
import type { Scored } from './score.ts'

/** All that became of a batch, ready to be recorded; `touched` names the profiles that it changed, `counted` is what it adds to counters. */
export type Prepared = { verdicts: Verdict[]; moves: Move[]; touched: Set<string>; decided: Map<string, Decided>; counted: Counted }

/** The strictest action whose threshold the score reaches. */
export function actionOf(score: number, thresholds: Settings['thresholds']): (typeof actions)[number] {
  if (score >= thresholds.decline) return 'decline'
  if (score >= thresholds.review) return 'review'
  return score >= thresholds.challenge ? 'challenge' : 'approve'
}

/** Whether an approved transaction is drawn for review: by its content, so that a second look draws the same. */
export const isSampled = (contentHash: Buffer, rate: number): boolean => contentHash.readUInt32BE(0) < rate * 4_294_967_296

const approve = actions.indexOf('approve')

export function decide(clock: () => number) {
  return function decide(batch: Scored): Prepared {
    const now = clock()
    const decided = new Map<string, Decided>()
    const rows: Decided[] = []
    batch.chosen.forEach((candidate, i) => {
      const { thresholds, alertOn, sampleRate } = candidate.tenant.settings
      const score = Math.round(batch.scores[i] * 1e6) / 1e6
      if (!(score >= 0 && score <= 1)) {
        throw new AssayError(
          'score_invalid',
          `the model gave ${batch.scores[i]} for ${candidate.transaction.id}, which is no probability; nothing is decided by it`,
        )
      }
      const action = actionOf(score, thresholds)
      const raised = alertOn.includes(action)
      const sampled = action === 'approve' && !raised && isSampled(candidate.contentHash, sampleRate)
      const vector = batch.features.subarray(i * batch.width, (i + 1) * batch.width)
      const row: Decided = {
        raw: candidate.raw,
        customer: candidate.customer,
        time: candidate.time,
        id: candidate.transaction.id,
        event: candidate.raw.value as Buffer,
        transaction: candidate.transaction,
        late: candidate.late,
        contentHash: candidate.contentHash,
        baseAmount: candidate.baseAmount,
        rateDate: candidate.rateDate,
        applied: candidate.applied,
        features: Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength),
        score,
        action: actions.indexOf(action),
        alert: raised || sampled,
        sampled,
        sampleProbability: raised ? 1 : action === 'approve' ? sampleRate : 0,
        reasons: [],
        challengers: null,
        model: batch.model,
        policy: candidate.tenant.version,
        backend: batch.backend,
        decided: now,
      }
      rows.push(row)
      decided.set(`${row.raw.tenant}:${row.id}`, row)
    })
    const told = rows.flatMap((row, i) => (row.action === approve ? [] : [i]))
    batch.explain(batch.features, told).forEach(({ reasons }, k) => {
      rows[told[k]].reasons = reasons
    })
    const verdicts = batch.verdicts.map((v): Verdict => {
      if (v.kind === 'chosen') return { kind: 'decided', raw: v.raw, row: rows[v.index] }
      return v.kind === 'duplicate' && v.first === undefined ? { ...v, first: decided.get(`${v.raw.tenant}:${v.id}`) } : v
    })
    return { verdicts, moves: batch.moves, touched: batch.touched, decided, counted: batch.counted }
  }
}
