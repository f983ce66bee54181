/** Waits until nothing moves any more: all that follows from what was sent has happened, or will not. */
import { countHarm, type Harm, type Places, type Sent } from './check.ts'

const longest = 240_000

/** Counts again and again until there is no harm left that time could mend, or the counts stand still for `still` milliseconds. */
export async function settle(places: Places, sent: Sent, still: number): Promise<Harm> {
  const deadline = Date.now() + longest
  let before = ''
  let since = Date.now()
  for (;;) {
    const harm = await countHarm(places, sent)
    if (Date.now() > deadline || Object.values(harm).every((n) => n === 0)) return harm
    const now = JSON.stringify(harm)
    if (now !== before) [before, since] = [now, Date.now()]
    else if (Date.now() - since > still) return harm
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
}
