/** What comes after a transaction, or again: labels, and dead letters that are sent again. */
import { describe, expect, test } from 'vitest'
import { deadLettersCommand } from '../../infra/commands/dead-letters.ts'
import { labelsCommand } from '../../infra/commands/labels.ts'
import { writeRates } from '../../infra/commands/rates.ts'
import { type Label, tenantTopic, topics } from '../../services/shared/events.ts'
import { labelsAsOf } from '../../services/shared/tidb/labels.ts'
import { assay } from '../helpers/assay.ts'
import { type Bank, bank, decidedIds, detector, progressOf, rows } from '../helpers/bank.ts'
import { eventually } from '../helpers/servers.ts'
import { record, transaction } from '../helpers/transactions.ts'

const start = Date.now() - 100_000
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString()
const label = (b: Bank, id: string, value: Label['value'], seconds: number, more: Partial<Label> = {}) => {
  const l: Label = { id, tenant: b.name, transaction: 't-1', value, source: 'analyst', happenedAt: at(0), knownAt: at(seconds), ...more }
  return { topic: tenantTopic(b.name, 'labels'), key: topics.labels.key(l), value: JSON.stringify(l) }
}
/** The same, when Kafka had it at that time. */
const labelOf = (seconds: number, ...of: Parameters<typeof label>) => ({ ...label(...of), timestamp: start + seconds * 1000 })
const letters = (b: Bank) =>
  rows<{ topic: string; reason: string; resent: number | null }>(b, 'SELECT topic, reason, resent FROM dead_letters WHERE tenant = ?')

describe('labels', () => {
  test('are shown as they were known at any instant', async () => {
    const b = await bank()
    await detector(b.config)
    await b.bus.send([labelOf(10, b, 'l-1', 'fraud', 10, { by: 'ada' }), labelOf(20, b, 'l-2', 'genuine', 20, { supersedes: 'l-1' })])
    await eventually('the labels', async () => (await progressOf(b, 'labels')) === 2)
    const show = (...more: string[]) => assay(b.config, labelsCommand(), 'show', '--tenant', b.name, '--transaction', 't-1', ...more)
    const before = await show('--at', at(9))
    const then = await show('--at', at(19), '--json')
    const now = await show()
    expect(before).toBe(`nothing was known of t-1 at ${at(9)}\n`)
    expect(JSON.parse(then)).toEqual([
      {
        id: 'l-1',
        value: 'fraud',
        source: 'analyst',
        happenedAt: at(0),
        knownAt: at(10),
        knownSince: at(10),
        supersedes: null,
        by: 'ada',
        note: null,
      },
    ])
    expect(now.split('\n')).toEqual([
      `genuine by analyst, known since ${at(20)}, label l-2, in place of l-1`,
      `fraud by analyst (ada), known since ${at(10)}, label l-1`,
      '',
    ])
    await expect(show('--at', 'yesterday')).rejects.toThrow('It is not a date like 2026-03-01')
  })

  test('are not known before Kafka has them, whatever they say, and a weightier source holds against a later one', async () => {
    const b = await bank()
    await detector(b.config)
    const backdated = labelOf(50, b, 'l-1', 'fraud', -86_400, { source: 'chargeback' })
    await b.bus.send([backdated, labelOf(60, b, 'l-2', 'genuine', 60), labelOf(40, b, 'l-3', 'inconclusive', 40, { source: 'rule' })])
    await eventually('the labels', async () => (await progressOf(b, 'labels')) === 3)
    const held = async (seconds: number) => (await labelsAsOf(b.database, b.name, 't-1', start + seconds * 1000)).map((l) => l.id)
    expect([await held(39), await held(49), await held(50), await held(60)]).toEqual([[], ['l-3'], ['l-1', 'l-3'], ['l-1', 'l-2', 'l-3']])
  })

  test('that come again with other content are refused, in one batch and later, also while they wait for their transaction', async () => {
    const b = await bank()
    await detector(b.config)
    await b.bus.send([label(b, 'l-1', 'fraud', 10), label(b, 'l-1', 'fraud', 10), label(b, 'l-1', 'genuine', 10)])
    await eventually('a conflict', async () => (await progressOf(b, 'labels')) === 3)
    await b.bus.send([label(b, 'l-1', 'fraud', 11), label(b, 'l-1', 'fraud', 10)])
    await eventually('another one', async () => (await progressOf(b, 'labels')) === 5)
    const conflict = { topic: 'labels', reason: 'id_conflict', resent: null }
    expect(await letters(b)).toEqual([conflict, conflict])
    await b.bus.send([record(transaction(b.name, { id: 't-1' }))])
    const moves = () => rows<{ value: string }>(b, 'SELECT value FROM label_moves WHERE tenant = ?')
    await eventually('the label to count', async () => (await moves()).length > 0)
    expect(await moves()).toEqual([{ value: 'fraud' }])
    expect(await rows(b, 'SELECT value FROM labels WHERE tenant = ?')).toEqual([{ value: 'fraud' }])
    expect(await letters(b)).toEqual([conflict, conflict])
  })
})

test('a dead letter is sent again when its cause is mended, once, and is decided then', async () => {
  const b = await bank()
  const before = await detector(b.config)
  await b.bus.send([
    record(transaction(b.name, { id: 'dear', currency: 'XTS' })),
    { ...record(transaction(b.name)), value: 'never to be read' },
  ])
  await eventually('two dead letters', async () => (await letters(b)).length === 2)
  await before.stop()
  await writeRates(b.database, [{ base: 'EUR', currency: 'XTS', date: '2020-01-01', rate: '2' }])
  const resend = () => assay(b.config, deadLettersCommand(), 'resend', '--tenant', b.name, '--reason', 'no_rate')
  expect(await resend()).toBe('1 records were sent again\n')
  expect(await resend()).toBe('0 records were sent again\n')
  await detector(b.config)
  await eventually('its decision', async () => (await progressOf(b)) === 3)
  expect(await decidedIds(b)).toEqual(['dear'])
  expect((await letters(b)).map((l) => [l.reason, l.resent !== null]).toSorted()).toEqual([
    ['no_rate', true],
    ['not_json', false],
  ])
})
