import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { minorUnits } from '../../services/gateway/amounts.ts'
import { parseJson } from '../../services/gateway/json.ts'
import { type Line, linesOf } from '../../services/gateway/lines.ts'
import { type Bank, prepare } from '../../services/gateway/prepare.ts'
import { instantOf } from '../../services/gateway/times.ts'
import { defaultSettings } from '../../services/shared/tidb/settings.ts'

const now = Date.parse('2026-03-01T12:00:00Z')
const bank: Bank = { tenant: 'bank', settings: defaultSettings, tokenKey: 'key' }
const good = {
  id: 't1',
  kind: 'authorization',
  instrument: 'card-1',
  direction: 'debit',
  amount: '12.34',
  currency: 'EUR',
  time: '2026-03-01T11:59:00Z',
}

const accept = (given: object, fractions?: unknown, of = bank) => {
  const prepared = prepare('transactions', given, fractions, of, now)
  if (!('ready' in prepared)) throw new Error(JSON.stringify(prepared.faults))
  return { ...prepared.ready, event: JSON.parse(prepared.ready.value) as Record<string, unknown> }
}
const faults = (given: unknown, fractions?: unknown) => {
  const prepared = prepare('transactions', given, fractions, bank, now)
  return 'faults' in prepared ? prepared.faults : []
}
const paths = (given: unknown) => faults(given).map((f) => f.path)

describe('amounts', () => {
  it('are minor units of their own currency, exactly', () => {
    expect([
      minorUnits('12.34', 'EUR'),
      minorUnits('12', 'JPY'),
      minorUnits('1.5', 'KWD'),
      minorUnits('0', 'EUR'),
      minorUnits(1234, 'EUR'),
    ]).toEqual([1234, 12, 1500, 0, 1234])
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000_000_000_000 }), (minor) => {
        const text = String(minor).padStart(3, '0')
        expect(minorUnits(`${text.slice(0, -2)}.${text.slice(-2)}`, 'EUR')).toBe(minor)
      }),
    )
  })

  it.each([
    [12.5, 'EUR', 'fraction'],
    [-1, 'EUR', 'negative'],
    ['-1.00', 'EUR', 'negative'],
    ['12.345', 'EUR', '3 decimal places'],
    ['1.5', 'JPY', '1 decimal places'],
    ['1,234.00', 'EUR', 'decimal string'],
    ['1e3', 'EUR', 'decimal string'],
    ['', 'EUR', 'decimal string'],
    ['9999999999999999', 'EUR', 'is over'],
    [1e20, 'EUR', 'is over'],
    ['1'.repeat(1_000_000), 'EUR', 'decimal string'],
    [null, 'EUR', 'decimal string'],
  ])('refuses %s %s', (amount, currency, fault) => expect(minorUnits(amount, currency)).toContain(fault))

  it('that were written with a fraction are refused even where they are whole, and only there', () => {
    const { value, fractions } = parseJson(Buffer.from('{"amount": 12.0, "extra": {"amount": 1.5}}'))
    expect(faults({ ...good, ...(value as object) }, fractions)).toEqual([{ path: '/amount', fault: expect.stringContaining('fraction') }])
    const inner = parseJson(Buffer.from('{"amount": 12, "extra": {"amount": 1.5}}'))
    expect(accept({ ...good, ...(inner.value as object) }, inner.fractions).event).toMatchObject({ amount: 12, extra: { amount: 1.5 } })
    const exponent = parseJson(Buffer.from('[{"amount":1E2}]'))
    expect(exponent.fractions).toEqual([{ amount: null }])
  })
})

describe('JSON', () => {
  it('that is broken or not UTF-8 is refused without repeating what it holds', () => {
    expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow('not valid UTF-8')
    for (const text of ['{"instrument":"4111111111111111",}', '{"a":4111111111111111 4111111111111111}', '', '{', '4111111111111111 x']) {
      expect(() => parseJson(Buffer.from(text))).toThrow('not JSON')
      try {
        parseJson(Buffer.from(text))
      } catch (error) {
        expect(String(error)).not.toMatch(/\d{5}/)
      }
    }
  })
})

describe('preparing a transaction', () => {
  it('takes the bank from the key and keys the record by the customer', () => {
    expect(accept({ ...good, customer: 'c1' })).toMatchObject({ id: 't1', key: 'bank:c1', event: { tenant: 'bank', amount: 1234 } })
    expect(accept(good).key).toBe('bank:card-1')
    expect(faults({ ...good, tenant: 'other' })).toEqual([{ path: '/tenant', fault: 'must be bank, whose key this is, or be left out' }])
  })

  it('names every fault with its path', () => {
    const wrong = {
      ...good,
      id: '',
      kind: 'gift',
      amount: 1.5,
      time: 'yesterday',
      place: { lat: 91, lon: 0, x: 1 },
      colour: 'red',
      'a/b': 1,
    }
    expect(paths({ ...wrong, currency: undefined }).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      '/amount',
      '/a~1b',
      '/colour',
      '/currency',
      '/id',
      '/kind',
      '/place/lat',
      '/place/x',
      '/time',
    ])
    expect(faults({ ...good, colour: 'red' })).toEqual([
      { path: '/colour', fault: 'is not a field; what else is to be kept goes into "extra"' },
    ])
    expect([paths(null), paths([]), paths('x'), paths({}).includes('/id')]).toEqual([[''], [''], [''], true])
  })

  it('refuses instants that do not exist, and those beyond the limits of the bank', () => {
    for (const time of [
      '2026-02-30T12:00:00Z',
      '2026-03-01T24:00:00Z',
      '2026-13-01T00:00:00Z',
      '2026-01-01T12:00:00Z',
      '2026-03-01T12:11:00Z',
      '9999-12-31T00:00:00Z',
    ])
      expect(paths({ ...good, time })).toEqual(['/time'])
    expect(instantOf('2028-02-29T23:59:59.123456789+14:00')).toBe(Date.parse('2028-02-29T09:59:59.123Z'))
    expect(paths({ ...good, amount: '9999999999.99' })).toEqual(['/amount'])
    for (const amount of [1, '1.00', '1.000']) expect(paths({ ...good, amount, currency: 'ZZZ' })).toEqual(['/currency'])
  })

  it('puts a token and the last four digits in the place of a card number, and masks those in free text', () => {
    const { value, event } = accept({
      ...good,
      instrument: '4111 1111 1111 1111',
      counterparty: '4242424242424242',
      extra: { note: 'from 4111111111111111', n: 4111111111111111 },
    })
    expect(value).not.toMatch(/4111111111111111|4111 1111|4242424242424242/)
    expect(event).toMatchObject({
      instrument: expect.stringMatching(/^tok_/),
      last4: '1111',
      counterparty: expect.stringMatching(/^tok_/),
      extra: { note: 'from ************1111' },
    })
    const alike = { ...bank, settings: { ...defaultSettings, cardLikeAccounts: true } }
    expect(accept({ ...good, instrument: '4111111111111111' }, undefined, alike).event.instrument).toBe('4111111111111111')
  })

  it('refuses an event that a row could not hold, and megabytes in a field', () => {
    const extra = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, 'x'.repeat(500)]))
    expect(faults({ ...good, extra })[0].fault).toContain('at most 16384')
    for (const field of ['id', 'instrument', 'counterpartyName', 'time', 'currency']) {
      const found = faults({ ...good, [field]: '4'.repeat(1_000_000) })
      expect(found.map((f) => f.path)).toContain(`/${field}`)
      expect(JSON.stringify(found).length).toBeLessThan(2000)
    }
  })

  it('never throws, whatever comes', () => {
    fc.assert(fc.property(fc.anything(), fc.anything(), (given, fractions) => void prepare('transactions', given, fractions, bank, now)))
    fc.assert(fc.property(fc.jsonValue(), (given) => void prepare('parties', given, undefined, bank, now)))
  })
})

describe('lines', () => {
  const collect = async (chunks: Buffer[], longestLine = 100): Promise<Line[]> => {
    const all: Line[] = []
    async function* stream() {
      yield* chunks
    }
    for await (const lines of linesOf(stream(), { longestLine, mostLines: 3 })) all.push(...lines)
    return all
  }

  it('are the same however the stream is cut', async () => {
    const text = Buffer.from('{"a":1}\n\n  \r\n{"ü":2}\r\nlast')
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: text.length - 1 })), async (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), text.length]
        const lines = await collect(places.slice(1).map((end, i) => text.subarray(places[i], end)))
        expect(lines.map((l) => [l.number, l.bytes?.toString().trim()])).toEqual([
          [1, '{"a":1}'],
          [4, '{"ü":2}'],
          [5, 'last'],
        ])
      }),
    )
  })

  it('that are too long are named without being held, and the next is read again', async () => {
    const lines = await collect([Buffer.from('x'.repeat(90)), Buffer.from('x'.repeat(90)), Buffer.from('\nshort\n')])
    expect(lines.map((l) => [l.number, l.bytes?.toString()])).toEqual([
      [1, undefined],
      [2, 'short'],
    ])
  })
})
