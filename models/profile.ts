/**
 * A customer's recent history, and the features of a transaction as a fold over it.
 *
 * Entries are kept by time, then by the hash of the id, seven 32-bit words each in one array. A late transaction is inserted where it
 * belongs. The fold reads only what is before the transaction and within 30 days, always in the same order, so that the same set
 * of entries gives the same bits whatever the order in which they came. At most `mostEntries` are kept, the newest ones: a customer
 * with more in 30 days has features over the newest of them.
 */
import { type Entry, entryOf, factBits, hashOf, latOf, lonOf } from './entry.ts'
import { indexOf, longestWindow, windows } from './features.ts'
import { type Zone, zoneOf } from './zone.ts'

export { type Entry, entryOf, hashOf }

const dayMs = windows['24h']

/** Milliseconds of history that features can need: the longest window, the largest age of a transaction, and a day for clocks ahead. */
export const horizon: number = longestWindow + 31 * dayMs
export const mostEntries = 1000
const mostDeclines = 256

const words = 7
const emptyBytes = 200

// Places of a word within an entry.
const seconds = 0
const facts = 1
const amount = 2
const id = 3
const counterparty = 4
const place = 5
const kindOfThing = 6

const milliseconds = 0x3ff
const countryMask = 0x3ff << factBits.country
const channelMask = 0xf << factBits.channel

// The bits of a float32, there and back.
const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

const at = {
  amount: indexOf('amount'),
  count: indexOf('count_1h'),
  sum: indexOf('sum_1h'),
  ratio: indexOf('amount_ratio'),
  deviation: indexOf('amount_deviation'),
  gap: indexOf('gap'),
  newCounterparty: indexOf('new_counterparty'),
  newCategory: indexOf('new_category'),
  newDevice: indexOf('new_device'),
  newCountry: indexOf('new_country'),
  newChannel: indexOf('new_channel'),
  deviceUnknown: indexOf('device_unknown'),
  counterparties: indexOf('counterparties_24h'),
  homeDistance: indexOf('home_distance'),
  homeDistanceUnknown: indexOf('home_distance_unknown'),
  speed: indexOf('speed'),
  night: indexOf('night'),
  nightShare: indexOf('night_share'),
  declined: indexOf('declined_24h'),
  declinedOutcomes: indexOf('declined_outcomes_24h'),
  refunds: indexOf('refunds_30d'),
  cardNotPresent: indexOf('card_not_present'),
  transfer: indexOf('transfer'),
  credit: indexOf('credit'),
  accountAge: indexOf('account_age'),
  accountAgeUnknown: indexOf('account_age_unknown'),
}

// Counterparties that a fold has met: a slot counts only when its stamp is that of the fold. Twice the entries there can be.
const slots = 2048
const slotKeys = new Uint32Array(slots)
const slotStamps = new Uint32Array(slots)
let stamp = 0

function isFirst(key: number): boolean {
  let slot = key & (slots - 1)
  while (slotStamps[slot] === stamp) {
    if (slotKeys[slot] === key) return false
    slot = (slot + 1) & (slots - 1)
  }
  slotStamps[slot] = stamp
  slotKeys[slot] = key
  return true
}

function startCounting(): void {
  stamp = (stamp + 1) >>> 0
  if (stamp !== 0) return
  slotStamps.fill(0)
  stamp = 1
}

const radians = Math.PI / 180

/** Kilometres on a sphere of the Earth's mean radius (haversine). */
export function distance(lat1: number, lon1: number, lat2: number, lon2: number): number {
  const a = Math.sin(((lat2 - lat1) * radians) / 2)
  const b = Math.sin(((lon2 - lon1) * radians) / 2)
  return 12_742 * Math.asin(Math.sqrt(Math.min(1, a * a + Math.cos(lat1 * radians) * Math.cos(lat2 * radians) * b * b)))
}

/** What is known of a customer beside the transactions; null where it is unknown. `opened` is milliseconds since 1970. */
export type CustomerFacts = { lat: number | null; lon: number | null; zone: string | null; opened: number | null }

/** Declines that became known: when, and the hashes of the outcomes' ids. */
type Declines = { times: number[]; ids: number[] }

export class Profile {
  private data = new Uint32Array(8 * words)
  private length = 0
  private declines: Declines | undefined
  private zone: Zone = zoneOf(null)
  private lat = Number.NaN
  private lon = Number.NaN
  private opened = Number.NaN

  /** How many transactions are kept. */
  get size(): number {
    return this.length
  }

  /** Bytes of memory that this profile takes, near enough for a bound. */
  get bytes(): number {
    return emptyBytes + this.data.byteLength + (this.declines === undefined ? 0 : 64 + this.declines.times.length * 16)
  }

  /** Whether a transaction with an id of this hash is kept. Two ids meet once in four thousand million, so a hit must be confirmed. */
  has(transactionId: string): boolean {
    const hash = hashOf(transactionId)
    for (let o = id, end = this.length * words; o < end; o += words) if (this.data[o] === hash) return true
    return false
  }

  /** Where an entry of that time and id belongs: the number of entries before it. */
  private positionOf(time: number, idHash: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const o = middle * words
      const t = this.timeAt(o)
      if (t < time || (t === time && this.data[o + id] < idHash)) low = middle + 1
      else high = middle
    }
    return low
  }

  private timeAt(offset: number): number {
    return this.data[offset + seconds] * 1000 + (this.data[offset + facts] & milliseconds)
  }

  /** Takes a transaction in, where its time puts it. One that is kept already changes nothing. */
  insert(entry: Entry): void {
    let position = this.positionOf(entry.time, entry.id)
    const there = position * words
    if (position < this.length && this.timeAt(there) === entry.time && this.data[there + id] === entry.id) return
    if (this.length === mostEntries) {
      if (position === 0) return
      this.dropOldest(1)
      position--
    } else if (this.length * words === this.data.length) position = Math.max(0, position - this.makeRoom())
    const { data } = this
    const o = position * words
    data.copyWithin(o + words, o, this.length * words)
    this.length++
    data[o + seconds] = Math.floor(entry.time / 1000)
    data[o + facts] = entry.facts | (entry.time % 1000) | (this.zone.hour(entry.time) < 6 ? factBits.night : 0)
    float[0] = entry.amount
    data[o + amount] = bits[0]
    data[o + id] = entry.id
    data[o + counterparty] = entry.counterparty
    data[o + place] = entry.place
    data[o + kindOfThing] = (entry.device << 16) | entry.category
  }

  private dropOldest(count: number): void {
    this.data.copyWithin(0, count * words, this.length * words)
    this.length -= count
  }

  /** Lets go of what no feature can need any more, else grows. Returns how many entries went. */
  private makeRoom(): number {
    const old = this.positionOf(this.timeAt((this.length - 1) * words) - horizon, 0)
    if (old > 0) {
      this.dropOldest(old)
      return old
    }
    // Small steps while small: most customers have few transactions, and there are many customers.
    const more = this.length < 128 ? 4 : this.length >>> 2
    const grown = new Uint32Array(Math.min(this.length + more, mostEntries) * words)
    grown.set(this.data)
    this.data = grown
    return 0
  }

  /** What the bank did became known at `knownAt` (milliseconds since 1970). The same outcome twice counts once. */
  addOutcome(knownAt: number, result: string, outcomeId: string): void {
    if (result !== 'declined' && result !== 'blocked') return
    this.declines ??= { times: [], ids: [] }
    const { times, ids } = this.declines
    const hash = hashOf(outcomeId)
    if (ids.includes(hash)) return
    let i = times.length
    while (i > 0 && (times[i - 1] > knownAt || (times[i - 1] === knownAt && ids[i - 1] > hash))) i--
    times.splice(i, 0, knownAt)
    ids.splice(i, 0, hash)
    if (times.length <= mostDeclines) return
    times.shift()
    ids.shift()
  }

  /** What is known of the customer from now on; a null stands for unknown. */
  setCustomer({ lat, lon, zone, opened }: CustomerFacts): void {
    this.lat = lat ?? Number.NaN
    this.lon = lon ?? Number.NaN
    this.opened = opened ?? Number.NaN
    const next = zoneOf(zone)
    if (next === this.zone) return
    this.zone = next
    for (let i = 0; i < this.length; i++) {
      const o = i * words
      const night = next.hour(this.timeAt(o)) < 6 ? factBits.night : 0
      this.data[o + facts] = (this.data[o + facts] & ~factBits.night) | night
    }
  }

  /** Writes the features of `entry` into `out` from `start` on. Reads only what is before it, whether or not it is kept itself. */
  fold(entry: Entry, out: Float32Array, start: number): void {
    const { data } = this
    const { time } = entry
    const from24 = time - windows['24h']
    const from7 = time - windows['7d']
    const from1 = time - windows['1h']
    const from30 = time - longestWindow
    const country = entry.facts & countryMask
    const channel = entry.facts & channelMask
    const last = (this.positionOf(time, entry.id) - 1) * words

    let n1 = 0
    let n24 = 0
    let n7 = 0
    let n30 = 0
    let s1 = 0
    let s24 = 0
    let s7 = 0
    let s30 = 0
    let squares = 0
    let earlier = 0
    let nights = 0
    let declined = 0
    let refunds = 0
    let differing = 0
    let sameCounterparty = entry.counterparty === 0
    let sameCategory = entry.category === 0
    let sameDevice = entry.device === 0
    let sameCountry = country === 0
    let sameChannel = channel === 0
    let placed = -1

    startCounting()
    if (entry.counterparty !== 0 && isFirst(entry.counterparty)) differing++
    for (let o = last; o >= 0; o -= words) {
      const f = data[o + facts]
      const t = data[o + seconds] * 1000 + (f & milliseconds)
      if (t <= from30) break
      earlier++
      if ((f & factBits.payment) !== 0) {
        bits[0] = data[o + amount]
        const a = float[0]
        n30++
        s30 += a
        squares += a * a
        if (t > from7) {
          n7++
          s7 += a
          if (t > from24) {
            n24++
            s24 += a
            if (t > from1) {
              n1++
              s1 += a
            }
          }
        }
      }
      if (t > from24) {
        if ((f & factBits.declined) !== 0) declined++
        const other = data[o + counterparty]
        if (other !== 0 && isFirst(other)) differing++
      }
      if ((f & factBits.night) !== 0) nights++
      if ((f & factBits.refund) !== 0) refunds++
      if (placed < 0 && data[o + place] !== 0) placed = o
      const thing = data[o + kindOfThing]
      sameCounterparty ||= data[o + counterparty] === entry.counterparty
      sameCategory ||= (thing & 0xffff) === entry.category
      sameDevice ||= thing >>> 16 === entry.device
      sameCountry ||= (f & countryMask) === country
      sameChannel ||= (f & channelMask) === channel
    }

    const mean = n30 === 0 ? 0 : s30 / n30
    const spread = n30 < 2 ? 0 : Math.sqrt(Math.max(0, squares / n30 - mean * mean))
    const own = (entry.facts & factBits.payment) === 0 ? 0 : 1
    const ownAmount = own * entry.amount
    out[start + at.amount] = entry.amount
    out[start + at.count] = n1 + own
    out[start + at.count + 1] = n24 + own
    out[start + at.count + 2] = n7 + own
    out[start + at.count + 3] = n30 + own
    out[start + at.sum] = s1 + ownAmount
    out[start + at.sum + 1] = s24 + ownAmount
    out[start + at.sum + 2] = s7 + ownAmount
    out[start + at.sum + 3] = s30 + ownAmount
    out[start + at.ratio] = n30 === 0 ? 1 : entry.amount / Math.max(mean, 1)
    out[start + at.deviation] = n30 < 2 ? 0 : Math.max(-20, Math.min(20, (entry.amount - mean) / Math.max(spread, mean * 0.05, 1)))
    out[start + at.gap] = (earlier === 0 ? longestWindow : time - this.timeAt(last)) / 1000
    out[start + at.newCounterparty] = sameCounterparty ? 0 : 1
    out[start + at.newCategory] = sameCategory ? 0 : 1
    out[start + at.newDevice] = sameDevice ? 0 : 1
    out[start + at.newCountry] = sameCountry ? 0 : 1
    out[start + at.newChannel] = sameChannel ? 0 : 1
    out[start + at.deviceUnknown] = entry.device === 0 ? 1 : 0
    out[start + at.counterparties] = differing
    out[start + at.night] = this.zone.hour(time) < 6 ? 1 : 0
    out[start + at.nightShare] = earlier === 0 ? 0 : nights / earlier
    out[start + at.declined] = declined + ((entry.facts & factBits.declined) === 0 ? 0 : 1)
    out[start + at.declinedOutcomes] = this.declinesKnown(from24, time)
    out[start + at.refunds] = refunds + ((entry.facts & factBits.refund) === 0 ? 0 : 1)
    out[start + at.cardNotPresent] = entry.cardNotPresent ? 1 : 0
    out[start + at.transfer] = entry.transfer ? 1 : 0
    out[start + at.credit] = entry.credit ? 1 : 0
    this.foldPlace(entry, placed, out, start)
    const ageUnknown = Number.isNaN(this.opened)
    out[start + at.accountAge] = ageUnknown ? 0 : Math.max(0, Math.min(3650, (time - this.opened) / dayMs))
    out[start + at.accountAgeUnknown] = ageUnknown ? 1 : 0
  }

  /** `placed` is the offset of the last earlier entry with a place, or negative. */
  private foldPlace(entry: Entry, placed: number, out: Float32Array, start: number): void {
    const homeUnknown = entry.place === 0 || Number.isNaN(this.lat) || Number.isNaN(this.lon)
    const lat = latOf(entry.place)
    const lon = lonOf(entry.place)
    out[start + at.homeDistance] = homeUnknown ? 0 : distance(this.lat, this.lon, lat, lon)
    out[start + at.homeDistanceUnknown] = homeUnknown ? 1 : 0
    let speed = 0
    if (entry.place !== 0 && placed >= 0) {
      const before = this.data[placed + place]
      const hours = Math.max((entry.time - this.timeAt(placed)) / 3_600_000, 1 / 12)
      if (before !== entry.place) speed = Math.min(20_000, distance(latOf(before), lonOf(before), lat, lon) / hours)
    }
    out[start + at.speed] = speed
  }

  private declinesKnown(after: number, until: number): number {
    if (this.declines === undefined) return 0
    let known = 0
    for (const t of this.declines.times) if (t > after && t <= until) known++
    return known
  }
}
