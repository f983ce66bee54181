/** Second step: resends are told from new transactions, and each new one gets its features as of its own time. */
import { cardBit } from '../../models/fold/counters.ts'
import { entryOf, hashOf } from '../../models/fold/entry.ts'
import { ownWidth, width } from '../../models/fold/features.ts'
import { factsOf } from '../../models/fold/parties.ts'
import type { Profile } from '../../models/fold/profile.ts'
import { maskCardNumbers } from '../shared/card-numbers.ts'
import { deadLetter } from '../shared/outcomes.ts'
import type { Database } from '../shared/tidb/database.ts'
import { type Applied, type Candidate, type Decided, positionOf, type Raw, type Verdict } from './batch.ts'
import type { Counted } from './counters/counted.ts'
import type { Counters } from './counters/counters.ts'
import { effectOf, type LabelStanding, settleLabels } from './counters/labels.ts'
import type { Parsed } from './parse.ts'
import { findDecided, idKey } from './state/decided-rows.ts'
import { type Key, nameOf, type Profiles, partitionName } from './state/profiles.ts'

/** A record that will be decided: `index` counts the batch's transactions, as features and scores do. */
export type Chosen = { kind: 'chosen'; raw: Raw; index: number }

/** `features` holds `width` float32 a transaction of `chosen`, in its order. */
export type Enriched = Pick<Parsed, 'moves'> & {
  verdicts: (Verdict | Chosen)[]
  chosen: Candidate[]
  features: Float32Array
  width: number
  touched: Set<string>
  counted: Counted
}

const nothing: ReadonlyMap<string, Decided> = new Map()

function idConflict(raw: Raw, detail: string): Verdict {
  const value = raw.value && maskCardNumbers(raw.value)
  return { kind: 'dead_letter', raw, reason: deadLetter('id_conflict', detail).reason, detail, value, at: raw.received }
}

/** The same content is a resend, other content under the same id is a fault of the sender. */
function again(candidate: Candidate, contentHash: Buffer, first: Decided | undefined): Verdict {
  const { raw, transaction } = candidate
  if (candidate.contentHash.equals(contentHash)) return { kind: 'duplicate', raw, id: transaction.id, first }
  return idConflict(raw, `the id ${transaction.id} was decided before for a transaction of other content`)
}

/**
 * Tells a customer's history, if it is in memory, what the bank did, or where the customer lives now. Returns whose it was: one that is not in
 * memory may be loaded only when this has been recorded.
 */
function remember(v: Verdict, profiles: Profiles): string | undefined {
  if (v.kind !== 'outcome' && (v.kind !== 'party' || v.party.instrument !== undefined)) return undefined
  const customer = v.kind === 'outcome' ? v.outcome.customer : v.party.customer
  const profile = profiles.get(nameOf(v.raw.tenant, customer))
  if (v.kind === 'outcome') profile?.addOutcome(v.happened, v.raw.received, v.outcome.result, v.outcome.id)
  else profile?.addParty(factsOf(v.party))
  return nameOf(v.raw.tenant, customer)
}

export function enrich(profiles: Profiles, counters: Counters, database: Database) {
  /** The history of each candidate's customer. A missing one is loaded; one of which the batch in hand says something, once that is recorded. */
  const profilesOf = async (
    candidates: readonly Candidate[],
    names: readonly string[],
    { inHand, applied }: Parsed,
  ): Promise<Profile[]> => {
    const found = names.map((name) => profiles.get(name))
    const missing = new Map<string, Key>()
    let oldest = Number.POSITIVE_INFINITY
    for (let i = 0; i < candidates.length; i++) {
      const { raw, customer } = candidates[i]
      if (raw.received < oldest) oldest = raw.received
      if (!found[i]) missing.set(names[i], { tenant: raw.tenant, customer, partition: raw.partition })
    }
    if (missing.size > 0) {
      if (inHand && [...missing.keys()].some((name) => inHand.touched.has(name))) await inHand.recorded
      await profiles.load([...missing.values()], oldest, applied)
      for (let i = 0; i < found.length; i++) found[i] ??= profiles.get(names[i])
    }
    return found as Profile[]
  }

  /** Decided transactions with an id of the batch: all are looked for after a refused batch, else those that a profile remembers. */
  const findKnown = async (
    batch: Parsed,
    candidates: readonly Candidate[],
    histories: readonly Profile[],
  ): Promise<ReadonlyMap<string, Decided>> => {
    const suspects = candidates.filter((c, i) => batch.checkAll || histories[i].has(c.transaction.id))
    const decided = batch.inHand?.decided ?? nothing
    const unknown = suspects.filter((c) => !decided.has(idKey(c.raw.tenant, c.transaction.id)))
    if (unknown.length === 0) return decided
    const found = await findDecided(
      database,
      unknown.map((c) => ({ tenant: c.raw.tenant, id: c.transaction.id })),
    )
    return new Map([...decided, ...found])
  }

  /** What becomes of the batch's labels, once those of the batch in hand have been recorded. */
  const settle = async (batch: Parsed): Promise<ReadonlyMap<Raw, LabelStanding>> => {
    const labels = batch.verdicts.flatMap((v) => (v.kind === 'label' ? [v] : []))
    if (labels.length === 0) return new Map()
    await batch.inHand?.recorded
    return settleLabels(database, labels)
  }

  return async function enrich(batch: Parsed): Promise<Enriched> {
    const candidates = batch.verdicts.flatMap((v) => (v.kind === 'candidate' ? [v.candidate] : []))
    const names = candidates.map((c) => nameOf(c.raw.tenant, c.customer))
    const [counted, standings, [histories, known]] = await Promise.all([
      counters.read(candidates.map((c) => ({ tenant: c.raw.tenant, parties: c.transaction }))),
      settle(batch),
      profilesOf(candidates, names, batch).then(async (found) => [found, await findKnown(batch, candidates, found)] as const),
    ])
    const features = new Float32Array(candidates.length * width)
    const chosen: Candidate[] = []
    const inBatch = new Map<string, Candidate>()
    const touched = new Set<string>()
    const applied = new Map(batch.applied)

    let place = -1
    const choose = (candidate: Candidate): Verdict | Chosen => {
      place++
      const id = idKey(candidate.raw.tenant, candidate.transaction.id)
      const decided = known.get(id)
      if (decided) return again(candidate, decided.contentHash, decided)
      const earlier = inBatch.get(id)
      if (earlier) return again(candidate, earlier.contentHash, undefined)
      inBatch.set(id, candidate)
      const profile = histories[place]
      const entry = entryOf(candidate.transaction, candidate.baseAmount, candidate.time)
      profile.fold(entry, features, chosen.length * width)
      counted.write(place, candidate.time, features, chosen.length * width + ownWidth)
      counted.count(place, candidate.raw, candidate.time, cardBit(hashOf(candidate.transaction.instrument)))
      candidate.late = profile.isLate(candidate.time)
      profile.insert(entry)
      candidate.applied = applied.get(partitionName(candidate.raw)) as Applied
      touched.add(names[place])
      return { kind: 'chosen', raw: candidate.raw, index: chosen.push(candidate) - 1 }
    }
    const verdicts = batch.verdicts.map((v) => {
      if (v.kind === 'candidate') return choose(v.candidate)
      if (v.kind === 'label') {
        const standing = standings.get(v.raw) as LabelStanding
        if (standing.conflicts) return idConflict(v.raw, `the id ${v.label.id} was taken in before for a label of other content`)
        if (standing.move) counted.addLabel(v.raw, effectOf(standing.move))
        return { ...v, standing }
      }
      const { topic, log, offset } = v.raw
      if (topic === 'outcomes' || topic === 'parties') {
        const partition = partitionName(v.raw)
        applied.set(partition, { ...(applied.get(partition) as Applied), [topic]: positionOf(log, offset + 1) })
      }
      const name = remember(v, profiles)
      if (name) touched.add(name)
      return v
    })
    return { verdicts, chosen, features: features.subarray(0, chosen.length * width), width, touched, counted, moves: batch.moves }
  }
}
