/** Reading a record by its topic's schema, and the message about one that cannot be read. */
import { isUtf8 } from 'node:buffer'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { messageOf } from '../errors.ts'
import { type DeadLetter, innerTopics, longestEvent, type TenantTopic, tenantTopic, topics } from '../events.ts'
import { type DeadLettered, deadLetter, type Ok, ok } from '../outcomes.ts'
import type { Outgoing } from './sender.ts'

type Checked = { Check(value: unknown): boolean; Errors(value: unknown): Iterable<{ instancePath: string; message: string }> }

/** Makes a reader of values: not JSON, not UTF-8, too long or of another form are dead letters with every fault's path. */
export function eventReader<T>(schema: TSchema): (value: Buffer | null) => Ok<T> | DeadLettered {
  const compiled = Compile(schema) as Checked
  return function read(value) {
    if (value === null || value.length === 0) return deadLetter('empty', 'the record has no value')
    if (value.length > longestEvent) return deadLetter('too_large', `the value has ${value.length} bytes, at most ${longestEvent} are read`)
    if (!isUtf8(value)) return deadLetter('not_utf8', 'the value is not UTF-8')
    let event: unknown
    try {
      event = JSON.parse(value.toString())
    } catch (error) {
      return deadLetter('not_json', messageOf(error).slice(0, 200))
    }
    if (compiled.Check(event)) return ok(event as T)
    const faults = [...compiled.Errors(event)].slice(0, 10).map((e) => `${e.instancePath || '/'} ${e.message}`)
    return deadLetter('invalid', faults.join('; '))
  }
}

/** A longer value is left out of the message, which Kafka would refuse; TiDB keeps it. */
const longestLetter = 1_400_000

type Place = { tenant: string; topic: TenantTopic; partition: number; offset: number | string; key: Buffer | null }

/** The message of a dead letter. `value` is masked already; `at` is when it was recorded. */
export function deadLetterMessage(place: Place, reason: string, detail: string, value: Buffer | null, at: number): Outgoing {
  const letter: DeadLetter = {
    tenant: place.tenant,
    topic: tenantTopic(place.tenant, place.topic),
    partition: place.partition,
    offset: String(place.offset),
    reason,
    detail,
    recordedAt: new Date(at).toISOString(),
    key: place.key?.subarray(0, 1024).toString('base64') ?? null,
    value: value && value.length <= longestLetter ? value.toString('base64') : null,
  }
  return { topic: innerTopics.deadLetters, key: topics.deadLetters.key(letter), value: JSON.stringify(letter) }
}
