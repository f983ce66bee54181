/** Options that several benches have. */
import { InvalidArgumentError } from 'commander'

/** Reads a whole number of at least so many. */
export const whole = (least: number) => (text: string) => {
  if (!/^\d+$/.test(text) || Number(text) < least) throw new InvalidArgumentError(`It is not a whole number of at least ${least}.`)
  return Number(text)
}

/** Reads whole numbers of at least so many, with commas between them. */
export const numbers = (least: number) => (text: string) => text.split(',').map(whole(least))
