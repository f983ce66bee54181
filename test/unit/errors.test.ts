import { expect, test } from 'vitest'
import { AssayError, messageOf } from '../../services/shared/errors.ts'

test('an error carries a code for machines, a message for people, its cause, and what a reader needs to act', () => {
  const cause = new Error('connect ECONNREFUSED')
  const error = new AssayError('kafka_away', 'Kafka did not take the records', { cause, details: { records: 3 }, status: 503 })
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: 'AssayError', code: 'kafka_away', cause, details: { records: 3 }, status: 503 })
})

test('an error that says nothing of a caller is a fault of ours, and has no cause that is not there', () => {
  const error = new AssayError('bug', 'it broke')
  expect([error.status, error.details, 'cause' in error]).toEqual([500, {}, false])
})

test.each([
  [new Error('broken'), 'broken'],
  [new TypeError(), 'TypeError'],
  ['just text', 'just text'],
  [undefined, 'undefined'],
  [{ code: 1 }, '[object Object]'],
])('the message of %o is found, whatever was thrown', (thrown, message) => {
  expect(messageOf(thrown)).toBe(message)
})
