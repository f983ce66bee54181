import { describe, expect, it } from 'vitest'
import { gate } from '../../models/evaluation/gate.ts'
import { randomOf } from '../../models/random.ts'

const rows = 6000

/** Rows of two channels, five frauds in a hundred. */
function world(seed = 1) {
  const random = randomOf(seed)
  const labels = Uint8Array.from({ length: rows }, () => (random() < 0.05 ? 1 : 0))
  const codes = Int32Array.from({ length: rows }, (_, row) => (row % 3 === 0 ? 1 : 0))
  const noise = Float64Array.from({ length: rows }, () => random())
  const outcomes = {
    labels,
    weights: new Float32Array(rows).fill(1),
    cards: Int32Array.from({ length: rows }, (_, row) => row % 600),
    amounts: new Float64Array(rows).fill(1000),
    segments: [{ name: 'channel', values: ['pos', 'ecommerce', 'none'], codes }],
  }
  /**
   * Scores that know the share `skill` of the frauds, and of the genuine rows, for certain; of the rest they know the base rate, or `promise`
   * times as much.
   */
  const scores = (skill: (code: number) => number, promise = 1) =>
    Float64Array.from(labels, (label, row) => (noise[row] < skill(codes[row]) ? label : 0.05 * promise))
  return { outcomes, scores }
}

describe('the gate', () => {
  it('passes a model whose gain in average precision lies above 0 with its whole interval, and says the gain', () => {
    const { outcomes, scores } = world()
    const verdict = gate(
      scores(() => 0.3),
      scores(() => 0.8),
      outcomes,
    )
    expect(verdict).toMatchObject({ pass: true, differences: { ap: { replicates: 200 } } })
    expect(verdict.differences.ap.low).toBeGreaterThan(0)
    expect(verdict.words).toEqual([expect.stringMatching(/^average precision \+0\.\d+ \[\+0\.\d+, \+0\.\d+\], calibration error /)])
    expect(verdict.parts.map(({ segment, value }) => `${segment} ${value}`)).toEqual(['channel pos', 'channel ecommerce'])
  })

  it('refuses the same model again, and one that is worse', () => {
    const { outcomes, scores } = world()
    const [weak, strong] = [scores(() => 0.3), scores(() => 0.8)]
    for (const [before, after] of [
      [strong, strong],
      [strong, weak],
    ]) {
      const { pass, words } = gate(before, after, outcomes)
      expect(pass).toBe(false)
      expect(words[0]).toMatch(/^average precision is not better beyond its interval: [+-]0\.\d+ \[/)
    }
  })

  it('refuses one that ranks better but promises more frauds than there are', () => {
    const { outcomes, scores } = world()
    const { pass, words } = gate(
      scores(() => 0.3),
      scores(() => 0.8, 8),
      outcomes,
    )
    expect(pass).toBe(false)
    expect(words).toEqual([expect.stringMatching(/^calibration error is worse beyond its interval: \+0\.\d+/)])
  })

  it('refuses one that is better over all but worse where there are enough frauds to tell, and names where', () => {
    const { outcomes, scores } = world()
    const { pass, words } = gate(
      scores((code) => (code === 1 ? 0.9 : 0.2)),
      scores((code) => (code === 1 ? 0.1 : 0.9)),
      outcomes,
    )
    expect(pass).toBe(false)
    expect(words).toEqual([expect.stringMatching(/^average precision is worse for channel ecommerce \(\d+ frauds\): -0\.\d+ \[-/)])
  })

  it('does not judge by a segment with few frauds', () => {
    const { outcomes, scores } = world()
    const codes = Int32Array.from({ length: rows }, (_, row) => (row % 50 === 0 ? 1 : 0))
    const small = { ...outcomes, segments: [{ ...outcomes.segments[0], codes }] }
    const { pass, parts } = gate(
      scores(() => 0.3),
      scores(() => 0.8),
      small,
    )
    expect([pass, parts.map((part) => part.value)]).toEqual([true, ['pos']])
  })
})
