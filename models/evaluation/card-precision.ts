/** How many compromised cards are found by those who look at the most suspicious ones of each day. */
import { checkFinite, type Numbers, type Scores } from './ranked.ts'

const day = 86_400_000

type Days = {
  /** When the first day begins, and how many there are. */
  start: number
  days: number
  /** Cards that can be looked at a day. */
  k: number
}

/**
 * Of each day's `k` cards with the highest score, the share that had a fraud that day, as a mean over the days; a card once found leaves
 * the following days. Of cards of equal score those that came first count. Rows outside of the days are passed over. Source: Le Borgne,
 * Siblini, Lebichot and Bontempi, Reproducible Machine Learning for Credit Card Fraud Detection, 2022, "Card Precision top-k".
 */
export function cardPrecision(
  { scores, labels, times, cards }: { scores: Scores; labels: Uint8Array; times: Numbers; cards: Numbers },
  { start, days, k }: Days,
): number {
  checkFinite(scores)
  const rows: number[][] = Array.from({ length: days }, () => [])
  for (let row = 0; row < scores.length; row++) rows[Math.floor((times[row] - start) / day)]?.push(row)
  const found = new Set<number>()
  let sum = 0
  for (const today of rows) {
    const best = new Map<number, number>()
    const guilty = new Set<number>()
    for (const row of today) {
      const card = cards[row]
      if (found.has(card)) continue
      best.set(card, Math.max(scores[row], best.get(card) ?? Number.NEGATIVE_INFINITY))
      if (labels[row] === 1) guilty.add(card)
    }
    const looked = [...best].sort((a, b) => b[1] - a[1]).slice(0, k)
    for (const [card] of looked) {
      if (!guilty.has(card)) continue
      found.add(card)
      sum++
    }
  }
  return sum / k / days
}
