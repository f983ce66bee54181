import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Break, breaks } from '../../chaos/breaks.ts'
import { faultKinds, planFaults, serverNames, serviceNames } from '../../chaos/faults.ts'
import { createRandom } from '../../infra/simulator/random.ts'

const seeds = [1, 2, 3, 4, 5]
const faultsOf = (kills: number, seed: number) => planFaults(kills, createRandom(seed)).flat()

describe('the plan of a run of chaos', () => {
  it.each(seeds)('kills as often as it is told, and everything that can be killed (seed %i)', (seed) => {
    const killed = faultsOf(30, seed).flatMap((f) => (f.kind === 'kill' ? [f.actor] : []))
    expect(killed).toHaveLength(30)
    expect(new Set(killed)).toEqual(new Set([...serviceNames, ...serverNames]))
  })

  it.each(seeds)('has all kinds of faults, and freezes and parts every server (seed %i)', (seed) => {
    const faults = faultsOf(30, seed)
    expect(new Set(faults.map((f) => f.kind))).toEqual(new Set(faultKinds))
    for (const server of serverNames) {
      expect(faults.some((f) => f.kind === 'freeze' && f.actor === server)).toBe(true)
      for (const kind of ['cut', 'partition']) expect(faults.some((f) => f.kind === kind && f.server === server)).toBe(true)
    }
  })

  it('is the same for the same seed', () => {
    expect(faultsOf(9, 7)).toEqual(faultsOf(9, 7))
    expect(faultsOf(9, 7)).not.toEqual(faultsOf(9, 8))
  })
})

describe('what is broken on purpose', () => {
  it.each(Object.entries<Break>(breaks))('%s is a passage that stands once in its source', (_, { edits }) => {
    for (const { file, from } of edits) expect(readFileSync(file, 'utf8').split(from)).toHaveLength(2)
  })
})
