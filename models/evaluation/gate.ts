/** Whether a new model may be offered instead of the one that decides: both judged by the same rows and the same draws of cards. */
import { type Difference, differencesOf } from './bootstrap.ts'
import { compare, type MetricName, metrics, type Outcomes } from './judge.ts'
import { rankingOf, type Scores } from './ranked.ts'
import { few, partsOf } from './segments.ts'

/** The challenger's average precision less the champion's in one part of the data. */
export type PartDifference = { segment: string; value: string; rows: number; frauds: number; ap: Difference }

export type Verdict = {
  pass: boolean
  /** Why it does not pass, one text for each reason; where it passes, what makes it better. */
  words: string[]
  /** The challenger's figures less the champion's. */
  differences: Record<MetricName, Difference>
  /** Of the parts with enough frauds and genuine rows. */
  parts: PartDifference[]
}

const shown = (x: number) => `${x < 0 ? '' : '+'}${x.toFixed(4)}`
const written = ({ value, low, high }: Difference) => `${shown(value)} [${shown(low)}, ${shown(high)}]`

function partsCompared(champion: Scores, challenger: Scores, outcomes: Outcomes): PartDifference[] {
  const [before, after] = [rankingOf(champion), rankingOf(challenger)]
  const { labels } = outcomes
  return outcomes.segments.flatMap((segment) => {
    const parts = partsOf(before, segment, labels)
    const others = partsOf(after, segment, labels)
    return segment.values.flatMap((value, i) => {
      const { rows } = parts[i]
      const frauds = rows.reduce((sum, row) => sum + labels[row], 0)
      if (frauds < few || rows.length - frauds < few) return []
      const { ap } = differencesOf([parts[i], others[i]], outcomes, { ap: metrics.ap })
      return [{ segment: segment.name, value, rows: rows.length, frauds, ap }]
    })
  })
}

/**
 * The challenger passes when the whole 95 % interval of its gain in average precision lies above 0, and neither its calibration error nor its
 * average precision in any big segment is worse by more than the interval of that difference.
 */
export function gate(champion: Scores, challenger: Scores, outcomes: Outcomes): Verdict {
  const differences = compare(champion, challenger, outcomes)
  const parts = partsCompared(champion, challenger, outcomes)
  const { ap, ece } = differences
  const faults = [
    // An interval that is no number says nothing good either.
    ...(ap.low > 0 ? [] : [`average precision is not better beyond its interval: ${written(ap)}`]),
    ...(ece.low > 0 ? [`calibration error is worse beyond its interval: ${written(ece)}`] : []),
    ...parts
      .filter((part) => part.ap.high < 0)
      .map((part) => `average precision is worse for ${part.segment} ${part.value} (${part.frauds} frauds): ${written(part.ap)}`),
  ]
  const pass = faults.length === 0
  return { pass, words: pass ? [`average precision ${written(ap)}, calibration error ${written(ece)}`] : faults, differences, parts }
}
