/** Card numbers: finding them, putting tokens in their place, and masking them in bytes that are kept. */
import { createHmac } from 'node:crypto'

/** Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B). */
export function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48
    const doubled = i % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** No card has a number that begins with 0, nor one of 13 digits that begins with 1: those are account numbers and milliseconds since 1970. */
const isIssued = (digits: string): boolean => digits[0] !== '0' && !(digits[0] === '1' && digits.length === 13)

const separators = /[ \-\0]/g

/** Whether the text is a card number: 13 to 19 digits, perhaps grouped by blanks or hyphens, with a right check digit. */
export function isCardNumber(text: string): boolean {
  if (text.length > 40 || !/^\d(?:[ -]?\d){12,18}$/.test(text)) return false
  const digits = text.replace(separators, '')
  return isIssued(digits) && passesLuhn(digits)
}

/** Not the places of a decimal number. A run of digits alone; then digits in groups, or with the zero bytes of UTF-16 between them. */
const patterns = [/(?<!\d|\d\.)\d{13,19}(?!\d)/g, /(?<!\d|\d\.)\d(?:[ \-\0]{0,3}\d){12,18}(?!\d)/g]

/** Whether a card number stands anywhere in the text. */
export const holdsCardNumber = (text: string): boolean =>
  patterns.some((pattern) => text.match(pattern)?.some((run) => isCardNumber(run.replace(separators, ''))))

/** The text with all but the last four digits of each card number replaced by asterisks, and nothing else changed. */
export function maskCardNumbersInText(text: string): string {
  let masked = text
  for (const pattern of patterns) {
    masked = masked.replace(pattern, (run) => {
      if (!isCardNumber(run.replace(separators, ''))) return run
      let left = run.replace(separators, '').length - 4
      return run.replace(/\d/g, (digit) => (left-- > 0 ? '*' : digit))
    })
  }
  return masked
}

/** The same for bytes of whatever encoding; the length stays. */
export const maskCardNumbers = (bytes: Buffer): Buffer => Buffer.from(maskCardNumbersInText(bytes.toString('latin1')), 'latin1')

/**
 * The token that stands for a card number: the same for the same tenant and number, another for another tenant, and of no use to
 * somebody who does not have the key. 144 bits of HMAC-SHA256.
 */
export const tokenOf = (key: string, tenant: string, cardNumber: string): string =>
  `tok_${createHmac('sha256', key)
    .update(`card:${tenant}:${cardNumber.replace(separators, '')}`)
    .digest()
    .subarray(0, 18)
    .toString('base64url')}`
