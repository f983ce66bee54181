/** The features once more, slow and obvious, straight from what the registry says: the yardstick for the fold that serves. */
import { hashOf, latOf, lonOf, packPlace } from '../../models/fold/entry.ts'
import { featureNames, ownWidth } from '../../models/fold/features.ts'
import type { CustomerFacts } from '../../models/fold/parties.ts'
import { distance } from '../../models/fold/places.ts'
import type { Transaction } from '../../services/shared/events.ts'

export type Item = { transaction: Transaction; time: number }
export type Told = { happened: number; known: number; result: string; id: string }

const hour = 3_600_000
const day = 24 * hour
const mostKept = 1000
const isPayment = ({ kind, direction, originalId }: Transaction) =>
  direction === 'debit' && (kind === 'authorization' || kind === 'transfer' || (kind === 'capture' && originalId === undefined))
const isRefund = ({ kind }: Transaction) => kind === 'refund' || kind === 'reversal'
const isRemote = ({ channel, entryMode }: Transaction) =>
  ['ecommerce', 'moto', 'mobile', 'online'].includes(channel ?? '') || ['manual', 'ecommerce', 'recurring'].includes(entryMode ?? '')
const amountOf = ({ transaction }: Item) => Math.fround(transaction.amount)
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0)
const greatest = (numbers: number[]) => numbers.reduce((a, b) => Math.max(a, b), 0)
const placeOf = ({ place }: Transaction) => (place ? packPlace(place.lat, place.lon) : undefined)
const between = (a: number, b: number) => distance(latOf(a), lonOf(a), latOf(b), lonOf(b))
const share = (items: Item[], test: (item: Item) => boolean) => (items.length === 0 ? 0 : items.filter(test).length / items.length)

function localOf(time: number, zone: string | null): { night: boolean; weekend: boolean } {
  const tell = (timeZone: string) =>
    new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'long', hour: 'numeric', hourCycle: 'h23' }).format(time)
  let text: string
  try {
    text = tell(zone ?? 'UTC')
  } catch {
    text = tell('UTC')
  }
  return { night: Number(/\d+/.exec(text)?.[0]) < 6, weekend: /Saturday|Sunday/.test(text) }
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** By the amount's decimal digits. */
function shapeOf(amount: number): 'round' | 'under' | undefined {
  if (amount < 1000) return undefined
  const digits = String(amount)
  if (/^\d\d?0*$/.test(digits)) return 'round'
  const size = 10 ** (digits.length - 1)
  return [2, 5, 10].some((n) => amount >= 0.95 * n * size && amount < n * size) ? 'under' : undefined
}

/** What held at a time: the newest version that was valid, the last told of those from the same moment; before all of them the first. */
function factsAt(parties: readonly CustomerFacts[], time: number): CustomerFacts | undefined {
  const order = parties.map((facts, told) => ({ facts, told })).sort((a, b) => a.facts.validFrom - b.facts.validFrom || a.told - b.told)
  const valid = order.filter(({ facts }) => facts.validFrom <= time)
  if (valid.length > 0) return valid.at(-1)?.facts
  return order.filter(({ facts }) => facts.validFrom === order[0].facts.validFrom).at(-1)?.facts
}

/** Features of `item` from all that had arrived, as float32 in the registry's order. */
export function slowFeatures(
  item: Item,
  arrived: readonly Item[],
  parties: readonly CustomerFacts[],
  outcomes: readonly Told[],
): Float32Array {
  const { transaction: t, time } = item
  const byAge = (a: Item, b: Item) => b.time - a.time || hashOf(b.transaction.id) - hashOf(a.transaction.id)
  const kept = arrived.toSorted(byAge).slice(0, mostKept)
  const before = kept.filter((e) => e.time < time || (e.time === time && hashOf(e.transaction.id) < hashOf(t.id)))
  // Newest first, since the order in which squares are added decides the last bits.
  const earlier = before.filter((e) => e.time > time - 30 * day)
  const payments = earlier.filter((e) => isPayment(e.transaction))
  const within = (items: Item[], span: number) => items.filter((e) => e.time > time - span)
  const withThis = isPayment(t) ? [item, ...payments] : payments
  const amounts = payments.map(amountOf)
  const mean = amounts.length === 0 ? 0 : sum(amounts) / amounts.length
  const deviation = amounts.length < 2 ? 0 : Math.sqrt(Math.max(0, sum(amounts.map((a) => a * a)) / amounts.length - mean * mean))
  const isNew = (key: 'counterparty' | 'category' | 'device' | 'country' | 'channel') =>
    t[key] !== undefined && !earlier.some((e) => e.transaction[key] === t[key]) ? 1 : 0
  const place = placeOf(t)
  const last = earlier.find((e) => e.transaction.place)
  const lastPlace = last && placeOf(last.transaction)
  const facts = factsAt(parties, time)
  const home = place !== undefined && facts !== undefined && facts.lat !== null && facts.lon !== null
  const hours = last ? Math.max((time - last.time) / hour, 1 / 12) : 1
  const local = (at: number) => localOf(at, factsAt(parties, at)?.zone ?? null)
  const gaps = earlier.slice(1).map((e, i) => earlier[i].time - e.time)
  const gapMean = gaps.length === 0 ? (30 * day) / 1000 : (earlier[0].time - (earlier.at(-1) as Item).time) / 1000 / gaps.length
  const sameCounterparty = payments.filter((e) => t.counterparty !== undefined && e.transaction.counterparty === t.counterparty)
  const ofInstrument = earlier.filter((e) => e.transaction.instrument === t.instrument)
  const declines = [...new Map(outcomes.filter((o) => o.result === 'declined').map((o) => [`${o.happened} ${o.id}`, o])).values()]
  const different = (items: Item[], of: (t: Transaction) => string | undefined) =>
    new Set(items.flatMap((e) => of(e.transaction) ?? [])).size
  const today = within([item, ...earlier], day)
  const credits = today.filter((e) => e.transaction.direction === 'credit')
  const shape = shapeOf(amountOf(item))
  const opened = facts?.opened ?? null
  const sumOf = (items: Item[], span: number) => sum(within(items, span).map(amountOf))
  const flag = (b: boolean) => (b ? 1 : 0)
  const values: Record<string, number> = {
    amount: amountOf(item),
    round_amount: flag(shape === 'round'),
    under_round_amount: flag(shape === 'under'),
    card_not_present: flag(isRemote(t)),
    transfer: flag(t.kind === 'transfer'),
    credit: flag(t.direction === 'credit'),
    device_unknown: flag(t.device === undefined),
    ip_unknown: flag(t.ip === undefined),
    place_unknown: flag(t.place === undefined),
    amount_ratio: amounts.length === 0 ? 1 : amountOf(item) / Math.max(mean, 1),
    amount_over_median: amounts.length === 0 ? 1 : amountOf(item) / Math.max(median(amounts), 1),
    amount_over_max: amounts.length === 0 ? 1 : amountOf(item) / Math.max(greatest(amounts), 1),
    amount_deviation: amounts.length < 2 ? 0 : Math.max(-20, Math.min(20, (amountOf(item) - mean) / Math.max(deviation, mean * 0.05, 1))),
    day_over_habit: (30 * sumOf(withThis, day)) / Math.max(1, sumOf(withThis, 30 * day)),
    large_14d: amounts.length === 0 ? 0 : within(withThis, 14 * day).filter((e) => amountOf(e) > 3 * median(amounts)).length,
    same_amount_24h: within(payments, day).filter((e) => amountOf(e) === amountOf(item)).length,
    same_counterparty_24h: within(sameCounterparty, day).length,
    same_counterparty_30d: sameCounterparty.length,
    gap: (earlier.length === 0 ? 30 * day : time - earlier[0].time) / 1000,
    gap_mean: gapMean,
    gap_variation:
      gaps.length < 2
        ? 0
        : Math.sqrt(Math.max(0, sum(gaps.map((g) => g * g)) / 1e6 / gaps.length - gapMean * gapMean)) / Math.max(gapMean, 0.001),
    history: earlier.length,
    history_bounded: flag(kept.length === mostKept && earlier.length === before.length),
    new_counterparty: isNew('counterparty'),
    new_category: isNew('category'),
    new_device: isNew('device'),
    new_country: isNew('country'),
    new_channel: isNew('channel'),
    new_instrument: flag(ofInstrument.length === 0),
    counterparties_24h: different(today, (e) => e.counterparty),
    devices_30d: different([item, ...earlier], (e) => e.device),
    instruments_24h: different(today, (e) => e.instrument),
    home_distance: home ? distance(facts.lat as number, facts.lon as number, latOf(place), lonOf(place)) : 0,
    home_distance_unknown: home ? 0 : 1,
    speed: place === undefined || lastPlace === undefined || place === lastPlace ? 0 : Math.min(20_000, between(lastPlace, place) / hours),
    night: flag(local(time).night),
    night_share: share(earlier, (e) => local(e.time).night),
    weekend: flag(local(time).weekend),
    weekend_share: share(earlier, (e) => local(e.time).weekend),
    remote_share: share(earlier, (e) => isRemote(e.transaction)),
    declined_24h: today.filter((e) => e.transaction.response === 'declined').length,
    declined_outcomes_24h: declines.filter((d) => d.known > time - day && d.known <= time).length,
    declined_outcomes_30d: declines.filter((d) => d.known > time - 30 * day && d.known <= time).length,
    refunds_30d: [item, ...earlier].filter((e) => isRefund(e.transaction)).length,
    credits_24h: credits.length,
    credit_sum_24h: sum(credits.map(amountOf)),
    cash_24h: today.filter((e) => e.transaction.channel === 'atm').length,
    account_age: opened === null ? 0 : Math.max(0, Math.min(3650, (time - opened) / day)),
    account_age_unknown: flag(opened === null),
    instrument_count_1h: within(withThis, hour).filter((e) => e.transaction.instrument === t.instrument).length,
    instrument_count_24h: within(withThis, day).filter((e) => e.transaction.instrument === t.instrument).length,
    instrument_sum_24h: sum(
      within(withThis, day)
        .filter((e) => e.transaction.instrument === t.instrument)
        .map(amountOf),
    ),
    instrument_gap: (ofInstrument.length === 0 ? 30 * day : time - ofInstrument[0].time) / 1000,
  }
  for (const [name, span] of Object.entries({ '1h': hour, '24h': day, '7d': 7 * day, '30d': 30 * day })) {
    const inSpan = within(withThis, span).map(amountOf)
    values[`count_${name}`] = inSpan.length
    values[`sum_${name}`] = sum(inSpan)
    values[`mean_${name}`] = sum(inSpan) / Math.max(1, inSpan.length)
    values[`max_${name}`] = greatest(inSpan)
  }
  return Float32Array.from(featureNames.slice(0, ownWidth), (name) => values[name])
}
