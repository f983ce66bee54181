import { expect, test } from 'vitest'
import { fetchBytes, withRoom } from '../../services/detector/intake/room.ts'

const megabyte = 1024 * 1024
const holding = (waiting: number, bytes: number) => ({ waiting, bytes })

test('a partition has room until 2,048 records or 4 MB of it wait', () => {
  const [few, many, large] = [holding(2048, 4 * megabyte), holding(2049, 1000), holding(3, 4 * megabyte + 1)]
  expect(withRoom([few, many, large], [few, many, large])).toEqual([few])
})

test('when all together hold more than 64 MB, who has more than its share is not fetched, and who has less is', () => {
  const floods = Array.from({ length: 17 }, () => holding(1000, 3.9 * megabyte))
  const quiet = Array.from({ length: 15 }, () => holding(10, 4000))
  expect(withRoom([...floods, ...quiet], [...floods, ...quiet])).toEqual(quiet)
  // With one flood less there is room for everybody.
  expect(withRoom(floods.slice(1), [...floods.slice(1), ...quiet])).toHaveLength(16)
})

test.each([10, 100, 1000, 4000])('of %i partitions that flood while nothing is taken no more than 192 MB wait', (count) => {
  const partitions = Array.from({ length: count }, () => holding(0, 0))
  const fetched = fetchBytes(count)
  for (let asked = partitions; asked.length > 0; asked = withRoom(asked, partitions))
    // One fetch brings 10 MB at most.
    for (const p of asked.slice(0, Math.ceil((10 * megabyte) / fetched))) p.bytes += fetched
  expect(partitions.reduce((sum, p) => sum + p.bytes, 0)).toBeLessThanOrEqual(192 * megabyte)
})
