import { describe, expect, test } from 'vitest'
import { fraud, genuine, labelLog, labelsAsKnown, rowAt, sources, unknown } from '../../models/data/dataset.ts'
import { MatrixWriter } from '../../models/data/matrix.ts'

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

  test('of which nobody spoke are genuine once they are mature', () => {
    expect(labelsAsKnown(data, 103)[4]).toBe(unknown)
    expect(labelsAsKnown(data, 104)[4]).toBe(genuine)
    expect(labelsAsKnown(data, 104)[2]).toBe(unknown)
  })

  test('begin where a time begins', () => {
    expect([rowAt(data, -1), rowAt(data, 2), rowAt(data, 2.5), rowAt(data, 9)]).toEqual([0, 2, 3, 5])
  })
})
