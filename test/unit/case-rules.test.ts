import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { firstDueAt, stepAt } from '../../services/casework/case-rules.ts'
import { webhookHeaders } from '../../services/casework/notify.ts'
import { jobId } from '../../services/shared/jobs.ts'
import { sortableId } from '../../services/shared/tidb/outbox.ts'
import { defaultSettings, type Settings } from '../../services/shared/tidb/settings.ts'

const ladder = fc
  .array(
    fc.record({ role: fc.constantFrom('analyst' as const, 'lead' as const, 'manager' as const), afterSeconds: fc.integer({ min: 1 }) }),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((escalation): Settings => ({ ...defaultSettings, escalation }))

describe('the rules of a case', () => {
  test('a real alert escalates after the first time of its bank, a random sample never', () => {
    expect(firstDueAt({ sample: false }, defaultSettings, 1000)).toBe(1000 + 900_000)
    expect(firstDueAt({ sample: true }, defaultSettings, 1000)).toBeNull()
  })

  test('climbing takes each rung once, in order, later and later, and ends', () => {
    fc.assert(
      fc.property(ladder, fc.integer({ min: 0, max: 4e12 }), (settings, opened) => {
        let due: number | null = firstDueAt({ sample: false }, settings, opened)
        const roles: string[] = []
        for (let step = 0; due !== null; step++) {
          const taken = stepAt(step, settings, due)
          if (!taken) throw new Error(`step ${step} is due but has no rung`)
          roles.push(taken.role)
          if (taken.nextDueAt !== null) expect(taken.nextDueAt).toBeGreaterThan(due)
          due = taken.nextDueAt
        }
        expect(roles).toEqual(settings.escalation.map((rung) => rung.role))
        expect(stepAt(roles.length, settings, opened)).toBeUndefined()
      }),
    )
  })
})

describe('ids', () => {
  test('a job’s id is the same for the same key, and has no colon', () => {
    expect(jobId('bank case:1 0')).toBe(jobId('bank case:1 0'))
    expect(jobId('bank case:1 0')).not.toBe(jobId('bank case:1 1'))
    expect(jobId('bank case:1 0')).toMatch(/^[0-9a-f]{40}$/)
  })

  test('ids of one millisecond sort in the order in which they were made', () => {
    const ids = Array.from({ length: 100 }, () => sortableId(1_700_000_000_000))
    for (let i = 1; i < ids.length; i++) expect(ids[i] > ids[i - 1]).toBe(true)
    expect(sortableId(1_700_000_000_001) > ids[99]).toBe(true)
    expect(ids[0]).toHaveLength(32)
  })

  test('a webhook’s signature is over its time and its body', () => {
    // printf '1700000000.{}' | openssl dgst -sha256 -hmac 'a secret of the bank'
    const headers = webhookHeaders('case-0', '{}', 'a secret of the bank', 1_700_000_000_999)
    expect(headers['assay-time']).toBe('1700000000')
    expect(headers['assay-signature']).toBe('sha256=2772524c686254e4272dd73d732ab508791ab6efe1b8fac0c3d68c9a51398c20')
    expect(webhookHeaders('case-0', '{}', undefined, 0)['assay-signature']).toBeUndefined()
  })
})
