import { expect, it } from 'vitest'
import { alarmAfter } from '../../models/drift/alarm.ts'
import type { ColumnDrift, DriftReport, Verdict } from '../../models/drift/psi.ts'

const column = (name: string, psi: number | undefined, verdict: Verdict): ColumnDrift => ({
  name,
  ...(psi !== undefined && { psi }),
  verdict,
})
const report = (...features: ColumnDrift[]): DriftReport => ({ verdict: 'stable', rows: 1000, features })
const drifting = (name: string, psi = 0.4) => column(name, psi, 'drifting')

it('tells what has drifted once, also while it wavers about the edge, and once when all is stable again', () => {
  expect(alarmAfter([], report(column('amount', 0.2, 'moving')))).toEqual({ names: [] })
  expect(alarmAfter([], report(drifting('gap'), drifting('amount', 2)))).toEqual({ names: ['amount', 'gap'], told: 'alarm' })
  expect(alarmAfter(['amount'], report(drifting('amount')))).toEqual({ names: ['amount'] })
  expect(alarmAfter(['amount'], report(column('amount', 0.2, 'moving')))).toEqual({ names: ['amount'] })
  expect(alarmAfter(['amount'], report(column('amount', 0.05, 'stable')))).toEqual({ names: [], told: 'over' })
  expect(alarmAfter([], report(column('amount', 0.05, 'stable')))).toEqual({ names: [] })
})

it('tells what drifts besides, and the score; not what ends while something else goes on', () => {
  expect(alarmAfter(['amount'], report(drifting('amount'), drifting('gap')))).toMatchObject({ told: 'alarm' })
  expect(alarmAfter(['amount', 'gap'], report(drifting('amount'), column('gap', 0.01, 'stable')))).toEqual({ names: ['amount'] })
  const score = { ...report(column('amount', 0.01, 'stable')), score: drifting('score') }
  expect(alarmAfter([], score)).toEqual({ names: ['score'], told: 'alarm' })
})

it('keeps what it knows through a window of which nothing can be said, and through warming up', () => {
  expect(alarmAfter(['amount'], { verdict: 'too few rows', rows: 3, reason: 'few' })).toEqual({ names: ['amount'] })
  expect(alarmAfter(['gap'], report(column('gap', undefined, 'warming up')))).toEqual({ names: ['gap'] })
})
