import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  holdsCardNumber,
  isCardNumber,
  maskCardNumbers,
  maskCardNumbersInText,
  passesLuhn,
  tokenOf,
} from '../../services/shared/card-numbers.ts'

const visa = '4111111111111111'

/** Digits with the check digit that makes them a card number. */
const cardNumber = fc
  .tuple(fc.integer({ min: 2, max: 9 }), fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 11, maxLength: 17 }))
  .map(([first, rest]) => {
    const body = [first, ...rest].join('')
    return body + [...'0123456789'].find((check) => passesLuhn(body + check))
  })

describe('card numbers', () => {
  it('are 13 to 19 digits with a right check digit, in groups or not', () => {
    expect([visa, '4111 1111 1111 1111', '3782-822463-10005', '6011000990139424'].every(isCardNumber)).toBe(true)
    expect(
      ['4111111111111112', '411111111111', '00000000000000', '1732484793004', 'tok_4111111111111111', `${visa}${visa}`].some(isCardNumber),
    ).toBe(false)
  })

  it('are found and masked wherever they stand, all but the last four digits', () => {
    fc.assert(
      fc.property(
        cardNumber,
        fc.constantFrom('', ' ', '"', 'x', '{"instrument":"', ';'),
        fc.constantFrom('', '=2512', '"}', ' €'),
        (number, before, after) => {
          expect(holdsCardNumber(before + number + after)).toBe(true)
          const masked = maskCardNumbersInText(before + number + after)
          expect(masked).not.toContain(number)
          expect(masked).toBe(`${before}${'*'.repeat(number.length - 4)}${number.slice(-4)}${after}`)
        },
      ),
    )
  })

  it('are not the places of a decimal number', () => {
    expect(maskCardNumbersInText(`{"lat":52.${visa}}`)).toBe(`{"lat":52.${visa}}`)
  })

  it('are masked in bytes of any encoding without changing another byte', () => {
    const utf16 = Buffer.from(`"${visa}"`, 'utf16le')
    expect(maskCardNumbers(utf16).toString('utf16le')).toBe('"************1111"')
    const broken = Buffer.concat([Buffer.from([0xff, 0xfe, 0x80]), Buffer.from(visa), Buffer.from([0xc3])])
    expect(maskCardNumbers(broken)).toEqual(
      Buffer.concat([Buffer.from([0xff, 0xfe, 0x80]), Buffer.from('************1111'), Buffer.from([0xc3])]),
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => maskCardNumbers(Buffer.from(bytes)).length === bytes.length))
  })

  it('become the same token for the same bank however they are grouped, and another for another bank or key', () => {
    const token = tokenOf('key', 'bank', visa)
    expect(token).toMatch(/^tok_[A-Za-z0-9_-]{24}$/)
    expect(tokenOf('key', 'bank', '4111 1111 1111 1111')).toBe(token)
    expect(
      new Set([token, tokenOf('key', 'other', visa), tokenOf('other', 'bank', visa), tokenOf('key', 'bank', '4242424242424242')]).size,
    ).toBe(4)
  })
})
