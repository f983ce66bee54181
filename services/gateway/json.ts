/** JSON from bytes, strictly: valid UTF-8, and numbers that were written with a fraction are noticed even where they are whole. */
import { isUtf8 } from 'node:buffer'
import { AssayError, messageOf } from '../shared/errors.ts'

/** `fractions` is the same value with null for each amount that was written with a point or an exponent; absent when there is none. */
export type Json = { value: unknown; fractions?: unknown }

/** Quotation marks inside a string are escaped, so that a name between bare ones with a colon behind is a member's. */
const fraction = /("(?:amount|limit)"\s*:\s*)-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?=\s*[,}])/g
const mayHoldFraction = /"(?:amount|limit)"\s*:\s*-?\d+[.eE]/

/** V8 quotes the text around the fault, and a card number could stand in it. */
const withoutQuotation = (message: string): string => message.replace(/,? ?(?:\.\.\.)?"[\s\S]*"(?:\.\.\.)? is not valid JSON/, '')

/** Parses the bytes or throws `not_utf8` or `not_json` with status 400. */
export function parseJson(bytes: Buffer): Json {
  if (!isUtf8(bytes)) throw new AssayError('not_utf8', 'The text is not valid UTF-8', { status: 400 })
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new AssayError('not_json', `The text is not JSON: ${withoutQuotation(messageOf(error))}`, { status: 400 })
  }
  if (!mayHoldFraction.test(text)) return { value }
  const marked = text.replace(fraction, (number, name: string) => (/[.eE]/.test(number.slice(name.length)) ? `${name}null` : number))
  return { value, fractions: JSON.parse(marked) }
}
