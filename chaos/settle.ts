/** Waits until nothing moves any more: all that follows from what was sent has happened, or will not. */
import { type Found, findHarm, type Places, type Sent } from './check.ts'

const longest = 240_000

/** Looks again and again until there is no harm left that time could mend, or what is found is the same for `still` milliseconds. */
export async function settle(places: Places, sent: Sent, still: number): Promise<Found> {
  const deadline = Date.now() + longest
  let before = ''
  let since = Date.now()
  for (;;) {
    const found = await findHarm(places, sent)
    if (Date.now() > deadline || Object.values(found).every((ids) => ids.length === 0)) return found
    const now = JSON.stringify(found)
    if (now !== before) [before, since] = [now, Date.now()]
    else if (Date.now() - since > still) return found
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
}
