/** One customer's decisions once more: content, features, score and action, each from what came earlier in the log. */
import { entryOf } from '../../models/fold/entry.ts'
import { featureSetHash, ownWidth, width } from '../../models/fold/features.ts'
import { Profile } from '../../models/fold/profile.ts'
import { unpackVector } from '../../models/fold/vector-bytes.ts'
import { contentHash } from '../../services/detector/content-hash.ts'
import { isSampled } from '../../services/detector/decide.ts'
import { actions, customerOf } from '../../services/shared/events.ts'
import { decodeEvent } from '../../services/shared/tidb/row-event.ts'
import { actionOf, type Settings } from '../../services/shared/tidb/settings.ts'
import type { Held, Range, Row } from './customers.ts'

/** `features` are the customer's own, of the present version; `sameSet` says whether the row's are of that version too. */
export type Recomputed = { row: Row; features: Float32Array; sameSet: boolean; contentDiffers: boolean; featuresDiffer: boolean }

/** Walks through the customer's rows in the order of the log. */
export function* recompute({ rows, outcomes, versions }: Held, { from, to }: Range): Generator<Recomputed> {
  const profile = new Profile()
  const recorded = new Float32Array(width)
  const recordedOwn = Buffer.from(recorded.buffer, 0, ownWidth * Float32Array.BYTES_PER_ELEMENT)
  let told = 0
  let known = 0
  for (const row of rows) {
    for (; told < outcomes.length && outcomes[told].position < row.outcomes_to; told++) {
      const { happened_at, known_at, result, id } = outcomes[told]
      profile.addOutcome(happened_at, known_at, result, id)
    }
    for (; known < versions.length && versions[known].position < row.parties_to; known++) profile.addParty(versions[known])
    const transaction = decodeEvent(row)
    const entry = entryOf(transaction, row.base_amount, row.time)
    if (row.time >= from && row.time < to) {
      const contentDiffers =
        customerOf(transaction) !== row.customer ||
        Date.parse(transaction.time) !== row.time ||
        !contentHash(transaction, row.time).equals(row.content_hash)
      const features = new Float32Array(ownWidth)
      profile.fold(entry, features, 0)
      const sameSet = row.feature_set.toString('hex') === featureSetHash
      unpackVector(row.features, recorded, 0, width)
      const featuresDiffer = sameSet && !Buffer.from(features.buffer).equals(recordedOwn)
      yield { row, features, sameSet, contentDiffers, featuresDiffer }
    }
    profile.insert(entry)
  }
}

/** Whether the row's action, alert and drawing for review are those of its score under the settings it names. */
export function actionDiffers(row: Row, { thresholds, alertOn, sampleRate }: Settings): boolean {
  const action = actionOf(row.score, thresholds)
  const raised = alertOn.includes(action)
  const sampled = action === 'approve' && !raised && isSampled(row.content_hash, sampleRate)
  return actions[row.action] !== action || (row.alert === 1) !== (raised || sampled) || (row.sampled === 1) !== sampled
}
