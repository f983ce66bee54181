import { expect, test } from 'vitest'
import { measuresOf } from '../../services/console/measures.ts'
import { measured } from '../../services/console/web/src/case/measured.ts'

const said = (code: string, value: number) => measured(value, measuresOf([{ code, text: '' }])[code], 'EUR')

test('the value of a reason is told in the unit of its feature', () => {
  expect(said('amount_above_habit', 8.4321)).toBe('8.43×')
  expect(said('many_in_an_hour', 6)).toBe('6 payments')
  expect(said('many_in_an_hour', 1)).toBe('1 payment')
  expect(said('many_in_an_hour', 0.013)).toBe('<0.1 payments')
  expect([said('new_device', 1), said('new_device', 0), said('night', 0.2)]).toEqual(['yes', 'no', 'in 20 %'])
  expect([said('soon_after', 42), said('soon_after', 90_000)]).toEqual(['42 s', '1 d'])
  expect([said('device_young', 0.2), said('device_young', 3.5), said('device_young', 31)]).toEqual(['under a day', '3 d', '31 d or more'])
  expect(said('new_account', 200)).toBe('200 d')
  expect(said('money_in', 123_456)).toBe('€1,234.56')
  expect(said('speed_impossible', 1234.5)).toBe('1,230 km/h')
})

test('a reason that carries no feature has no measure', () => {
  expect(measuresOf([{ code: 'rule_of_the_bank', text: '' }])).toEqual({})
})
