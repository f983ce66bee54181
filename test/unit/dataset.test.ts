import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fraud, genuine, labelLog, labelsAsKnown, rowAt, sources, unknown, valueCodes } from '../../models/data/dataset.ts'
import { MatrixWriter } from '../../models/data/matrix.ts'
import { dispositions, labelSources } from '../../services/shared/events.ts'
import { knownSince, standingOf } from '../../services/shared/tidb/labels.ts'

const source = (name: (typeof sources)[number]) => sources.indexOf(name)

describe('a matrix', () => {
  test.each([
    ['in memory', 768],
    ['in a file', 0],
  ])('%s gives back what was written, in a row and picked', (_, memory) => {
    const writer = new MatrixWriter(3, memory)
    for (let i = 0; i < 10_000; i++) writer.push(Float32Array.of(i, 2 * i, -i))
    const matrix = writer.finish()
    expect(matrix.rows).toBe(10_000)
    const some = new Float32Array(6)
    matrix.read(4095, 4097, some)
    expect([...some]).toEqual([4095, 8190, -4095, 4096, 8192, -4096])
    matrix.gather(Uint32Array.of(9999, 0), some)
    expect([...some]).toEqual([9999, 19_998, -9999, 0, 0, -0])
    matrix.close()
  })
})

describe('labels as known', () => {
  const data = {
    rows: 5,
    times: Float64Array.of(0, 1, 2, 3, 4),
    maturity: 100,
    labels: labelLog([
      { row: 0, knownAt: 20, value: genuine, source: source('analyst') },
      { row: 0, knownAt: 50, value: fraud, source: source('chargeback') },
      { row: 0, knownAt: 60, value: genuine, source: source('analyst') },
      { row: 1, knownAt: 10, value: fraud, source: source('rule') },
      { row: 2, knownAt: 30, value: fraud, source: source('analyst') },
      { row: 2, knownAt: 40, value: unknown, source: source('analyst') },
      { row: 3, knownAt: 1, value: fraud, source: source('customer') },
    ]),
  }

  test('are those that were said by then, the newest of the weightiest source', () => {
    expect([...labelsAsKnown(data, 10)]).toEqual([unknown, fraud, unknown, fraud, unknown])
    expect([...labelsAsKnown(data, 35)]).toEqual([genuine, fraud, fraud, fraud, unknown])
    expect([...labelsAsKnown(data, 70)]).toEqual([fraud, fraud, unknown, fraud, unknown])
  })

  test('are what the counters of the detector go by', () => {
    const said = fc.record({
      source: fc.constantFrom(...labelSources),
      value: fc.constantFrom(...dispositions),
      knownAt: fc.nat(20),
      received: fc.nat(20),
    })
    fc.assert(
      fc.property(fc.array(said, { minLength: 1, maxLength: 8 }), fc.nat(25), (list, at) => {
        const all = list.map((l, i) => ({ ...l, id: `l-${i}`, since: knownSince(l.knownAt, l.received) }))
        const standing = standingOf(all.filter((l) => l.since <= at))
        expect(standingOf(all.filter((l) => l.since <= at).toReversed())).toEqual(standing)
        // In the order of the table, of which a data set keeps what was ever believed.
        const sorted = all.toSorted((a, b) => a.knownAt - b.knownAt || (a.id < b.id ? -1 : 1))
        const log = labelLog(sorted.map((l) => ({ row: 0, knownAt: l.since, value: valueCodes[l.value], source: source(l.source) })))
        const known = labelsAsKnown({ rows: 1, times: Float64Array.of(0), maturity: 1000, labels: log }, at)
        expect(known[0]).toBe(standing ? valueCodes[standing.value] : unknown)
      }),
    )
  })

  test('of which nobody spoke are genuine once they are mature', () => {
    expect(labelsAsKnown(data, 103)[4]).toBe(unknown)
    expect(labelsAsKnown(data, 104)[4]).toBe(genuine)
    expect(labelsAsKnown(data, 104)[2]).toBe(unknown)
  })

  test('begin where a time begins', () => {
    expect([rowAt(data, -1), rowAt(data, 2), rowAt(data, 2.5), rowAt(data, 9)]).toEqual([0, 2, 3, 5])
  })
})
