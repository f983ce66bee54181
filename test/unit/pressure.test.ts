import { expect, test } from 'vitest'
import { type Phase, targetsOf } from '../../bench/pressure/pressure.ts'
import type { PhaseName, Sample } from '../../bench/pressure/watch.ts'

const sample = (phase: PhaseName, lag: number, rssMb: number): Sample => ({ second: 0, phase, lag, rssMb })

const phase = (name: PhaseName, p99: number, lag = 0): Phase => ({
  ...{ name, seconds: 10, offered: 0, lag, rssPeakMb: 300 },
  quiet: { p50: 10, p95: 20, p99, p999: p99, max: p99, sent: 100, decided: 100 },
})

const flooded = {
  phases: [phase('alone', 20), phase('normal', 40), phase('flood', 80, 5000), phase('after', 30, 2000), phase('after', 70)],
  samples: [
    sample('normal', 10, 300),
    sample('flood', 4000, 310),
    sample('flood', 5000, 330),
    sample('after', 2000, 350),
    sample('after', 0, 330),
  ],
  sent: 500,
  decided: 500,
}
const met = (report: typeof flooded) => targetsOf(report).map((t) => [t.value, t.met])

test('a flood that is borne meets every target', () => {
  expect(met(flooded)).toEqual([
    [2, true],
    [1.75, true],
    [350, true],
    [1, true],
    [0, true],
    [0, true],
  ])
})

test('whoever waits too long, memory that goes with what waits, what is left and what is lost is told', () => {
  const slow = {
    phases: [phase('normal', 40), phase('flood', 90, 5000), phase('after', 100, 700)],
    samples: [sample('flood', 2000, 500), sample('flood', 5000, 900), sample('after', 700, 600)],
    sent: 500,
    decided: 499,
  }
  expect(met(slow)).toEqual([
    [2.25, false],
    [2.5, false],
    [900, false],
    [1.5, false],
    [700, false],
    [1, false],
  ])
})
