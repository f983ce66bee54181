/** What canary and champion did in the last minutes, in slices of it that are forgotten one after the other. */

/** Of the rows that one of them decided. */
export type Side = {
  rows: number
  alerts: number
  /** Rows by the tenth of its model's own training scores that the score lies in. */
  tenths: Uint32Array
  /** Of calls in batches where both scored. */
  milliseconds: number[]
}
/** `asked` counts the canary's rows, `failed` those among them of which it gave no score. */
export type Compared = { canary: Side; champion: Side; asked: number; failed: number }
type Slice = Compared & { number: number }

const slices = 60
/** Calls of a slice that are timed; more would not tell more. */
const mostCalls = 64

const emptySide = (): Side => ({ rows: 0, alerts: 0, tenths: new Uint32Array(10), milliseconds: [] })
const empty = (): Compared => ({ canary: emptySide(), champion: emptySide(), asked: 0, failed: 0 })

function addSide(to: Side, { rows, alerts, tenths, milliseconds }: Side): void {
  to.rows += rows
  to.alerts += alerts
  for (let t = 0; t < tenths.length; t++) to.tenths[t] += tenths[t]
  to.milliseconds.push(...milliseconds)
}

export type Window = {
  /** The slice of now, to be added to. */
  now(): Compared
  /** Notes how long a batch took both. */
  timed(canary: number, champion: number): void
  /** All of the last minutes. */
  sum(): Compared
}

export function createWindow(minutes: number, clock: () => number): Window {
  const length = (minutes * 60_000) / slices
  const kept: Slice[] = []
  const current = (): Slice => {
    const number = Math.floor(clock() / length)
    const last = kept.at(-1)
    if (last?.number === number) return last
    const next = { ...empty(), number }
    kept.push(next)
    while (kept[0].number <= number - slices) kept.shift()
    return next
  }
  return {
    now: current,
    timed(canary, champion) {
      const slice = current()
      if (slice.canary.milliseconds.length >= mostCalls) return
      slice.canary.milliseconds.push(canary)
      slice.champion.milliseconds.push(champion)
    },
    sum() {
      current()
      const all = empty()
      for (const { canary, champion, asked, failed } of kept) {
        addSide(all.canary, canary)
        addSide(all.champion, champion)
        all.asked += asked
        all.failed += failed
      }
      return all
    },
  }
}
