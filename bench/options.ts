/** Options that several benches have. */
import { InvalidArgumentError } from 'commander'

/** Reads a whole number of at least so many. */
export const whole = (least: number) => (text: string) => {
  if (!/^\d+$/.test(text) || Number(text) < least) throw new InvalidArgumentError(`It is not a whole number of at least ${least}.`)
  return Number(text)
}
