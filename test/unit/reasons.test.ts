import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { indexOf, width } from '../../models/fold/features.ts'
import { reasonsOf } from '../../models/reasons.ts'
import { someVectors } from '../helpers/vectors.ts'

/** A customer of many quiet payments, but for what a test says. */
function vector(values: Record<string, number> = {}): Float32Array {
  const v = new Float32Array(width)
  const quiet = {
    amount: 1000,
    amount_ratio: 1,
    count_1h: 1,
    count_24h: 1,
    count_7d: 5,
    count_30d: 20,
    sum_30d: 20_000,
    account_age: 900,
    gap: 9000,
  }
  for (const [name, value] of Object.entries({ ...quiet, ...values })) v[indexOf(name)] = value
  return v
}
const codes = (values: Record<string, number>) => reasonsOf(vector(values)).map((r) => r.code)

describe('reasons', () => {
  it('has none where nothing stands out', () => {
    expect(reasonsOf(vector())).toEqual([])
  })

  it('says what stands out, the most telling first, with its value', () => {
    const [first, second] = reasonsOf(vector({ amount_ratio: 12, new_device: 1 }))
    expect(first).toEqual({ code: 'amount_above_habit', text: 'The amount is 12 times what is usual for this customer' })
    expect(second.code).toBe('new_device')
  })

  it('does not hold a habit against a customer who has none yet', () => {
    expect(codes({ count_30d: 1, new_device: 1, new_country: 1, amount_ratio: 9 })).toEqual(['no_history'])
  })

  it('calls a night unusual only for those who seldom pay at night', () => {
    expect(codes({ night: 1, night_share: 0.02 })).toContain('unusual_night')
    expect(codes({ night: 1, night_share: 0.6 })).not.toContain('unusual_night')
  })

  it('tells what others met at the same merchant, device or address', () => {
    expect(codes({ counterparty_frauds_30d: 4, counterparty_fraud_share: 0.1 })).toEqual(['counterparty_frauds'])
    expect(codes({ counterparty_frauds_30d: 4, counterparty_fraud_share: 0.001 })).toEqual([])
    expect(codes({ device_frauds_30d: 1, device_cards_30d: 9, ip_cards_24h: 20 })).toEqual([
      'address_many_cards',
      'device_many_cards',
      'device_frauds',
    ])
  })

  it('calls the card’s absence unusual only for those who mostly have it present', () => {
    expect(codes({ card_not_present: 1, history: 30, remote_share: 0.01 })).toEqual(['unusual_remote'])
    expect(codes({ card_not_present: 1, history: 30, remote_share: 0.5 })).toEqual([])
  })

  it('says nothing of an age that is unknown', () => {
    expect(codes({ account_age: 0, account_age_unknown: 1 })).not.toContain('new_account')
  })

  it('is at most five short texts, each code once, the same for the same vector, on any customer', () => {
    const rows = 400
    const vectors = someVectors(rows)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: rows - 1 }), (row) => {
        const v = vectors.subarray(row * width, (row + 1) * width)
        const reasons = reasonsOf(v)
        expect(reasons).toEqual(reasonsOf(v))
        expect(reasons.length).toBeLessThanOrEqual(5)
        expect(new Set(reasons.map((r) => r.code)).size).toBe(reasons.length)
        for (const r of reasons) {
          expect(r.text.length).toBeLessThanOrEqual(200)
          expect(r.text).not.toMatch(/NaN|Infinity|undefined/)
        }
      }),
    )
  })
})
