import { expect, test } from 'vitest'
import { deadLetter, drop, ok } from '../../services/shared/outcomes.ts'
import { pipeline } from '../../services/shared/pipeline.ts'

test('what becomes of a record is a value that says which of three it is', () => {
  expect(ok(7)).toEqual({ outcome: 'ok', value: 7 })
  expect(drop('duplicate')).toEqual({ outcome: 'drop', reason: 'duplicate' })
  expect(deadLetter('not_json', 'Unexpected end')).toEqual({ outcome: 'dead_letter', reason: 'not_json', detail: 'Unexpected end' })
})

test('a pipeline hands what one step gave to the next, and waits for steps that take their time', async () => {
  const run = pipeline(
    (text: string) => Promise.resolve(Number(text)),
    (n: number) => n + 1,
    (n: number) => [n],
  )
  expect(await run('41')).toEqual([42])
})

test('a pipeline ends at the step that throws, with its error', async () => {
  let after = 0
  const run = pipeline(
    (): number => {
      throw new Error('in the first step')
    },
    (n: number) => {
      after++
      return n
    },
  )
  await expect(run('x')).rejects.toThrow('in the first step')
  expect(after).toBe(0)
})
