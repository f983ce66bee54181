/** Segments that every data set has. */
import { exponentOf } from '../../services/shared/currencies.ts'
import type { Segment } from './dataset.ts'

/** Where the bands of amounts begin, in units of the currency. */
const bands = [0, 10, 50, 200, 1000]

/** Bands of amounts; `amounts` are minor units of `currency`. */
export function amountBands(amounts: Float64Array, currency: string): Segment {
  const unit = 10 ** exponentOf(currency)
  const values = bands.map((from, i) => (i === bands.length - 1 ? `${from} and more` : `${from} to ${bands[i + 1]}`))
  return {
    name: 'amount',
    values,
    codes: Int32Array.from(amounts, (amount) => bands.findLastIndex((from) => amount >= from * unit || from === 0)),
  }
}

const newFor = 30 * 86_400_000

/** Whether a card was seen for the first time at most 30 days before. Of the first 30 days of the data nothing can be said. */
export function newCards(times: Float64Array, cards: Int32Array): Segment {
  const first = new Map<number, number>()
  const codes = Int32Array.from(times, (time, row) => {
    const since = first.get(cards[row]) ?? time
    first.set(cards[row], since)
    if (time - times[0] < newFor) return -1
    return time - since < newFor ? 0 : 1
  })
  return { name: 'card', values: ['new', 'known for 30 days'], codes }
}
