/** What a long run says while it goes on. */

export const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** Milliseconds between two lines. */
const pause = 10_000

/** Says now and then how far it is, and how long the rest will take at the pace so far. */
export function leftOf(all: number, what: string): (done: number) => void {
  const began = Date.now()
  let told = began
  return (done) => {
    const now = Date.now()
    if (now - told < pause || done === 0) return
    told = now
    const seconds = ((all - done) * (now - began)) / done / 1000
    say(`${done} of ${all} ${what}, ${Math.ceil(seconds)} s left`)
  }
}
