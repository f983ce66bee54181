import { expect, test } from 'vitest'
import { createCommitter, type Offset } from '../../services/shared/kafka/committer.ts'

test('of the offsets of many batches the first and the newest are committed, and a flush waits for no rest', async () => {
  const commits: (readonly Offset[])[] = []
  const committer = createCommitter(
    async (offsets) => void commits.push(offsets),
    () => undefined,
  )
  for (let offset = 1; offset <= 50; offset++) {
    committer.add([{ topic: 't', partition: offset % 2, offset }])
    await new Promise((resolve) => setImmediate(resolve))
  }
  const began = performance.now()
  await committer.flush(5000)
  expect(performance.now() - began).toBeLessThan(1000)
  expect(commits).toHaveLength(2)
  expect(commits[0]).toEqual([{ topic: 't', partition: 1, offset: 1 }])
  expect(commits[1]).toHaveLength(2)
  expect(new Set(commits[1].map((o) => o.offset))).toEqual(new Set([49, 50]))
})

test('what Kafka did not take is told, and covered by what is added later', async () => {
  const [committed, failed]: [number[], unknown[]] = [[], []]
  const committer = createCommitter(
    async ([{ offset }]) => {
      if (committed.push(offset) === 1) throw new Error('away')
    },
    (error) => failed.push(error),
  )
  committer.add([{ topic: 't', partition: 0, offset: 1 }])
  await committer.flush(1000)
  committer.add([{ topic: 't', partition: 0, offset: 2 }])
  await committer.flush(1000)
  expect(committed).toEqual([1, 2])
  expect(failed).toHaveLength(1)
})
