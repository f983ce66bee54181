import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { checkMap } from '../../infra/replay/map.ts'
import { type FeatureProfile, featuresOf, readFeatureProfile } from '../../models/columns/feature-profile.ts'
import { createColumnFold } from '../../models/columns/fold.ts'
import { readColumns } from '../../models/columns/read.ts'
import { createServingFold } from '../../models/columns/serving.ts'
import { counterFeatures } from '../../models/fold/counter-features.ts'
import { addLabel, addTransaction, cardBit, readCounters, stateWords } from '../../models/fold/counters.ts'
import { entryOf, hashOf } from '../../models/fold/entry.ts'
import { indexOf, ownWidth, width } from '../../models/fold/features.ts'
import { Profile } from '../../models/fold/profile.ts'
import type { Transaction } from '../../services/shared/events.ts'

import { compareIn, csvOf, folder, handbookMap, handbookNames, publishedOf, type Row, rowsOf } from '../helpers/handbook.ts'

const hour = 3_600_000
const day = 24 * hour

describe('a profile over columns', () => {
  it('gives the features of the handbook as slow and obvious ones have them, and finds those that were changed', async () => {
    const rows = rowsOf(1500)
    const transactions = gzipSync(csvOf(rows))
    const same = await compareIn(folder({ 'transactions.csv.gz': transactions, 'features.csv': publishedOf(rows, 300) }))
    expect(same).toMatchObject({ rows: 1500, rowsCompared: 1200, rowsMissing: 0, calendarRowsDiffering: 0 })
    expect([same.cardRowsDiffering, same.terminalRowsDiffering]).toEqual([0, 0])
    expect(same.features.map((f) => f.name)).toEqual(handbookNames)
    expect(Math.min(same.foldPerSecond, same.foldAllPerSecond)).toBeGreaterThan(0)

    const changed = publishedOf(rows, 300, (row, values) => {
      if (row.id === 400) values.CUSTOMER_ID_NB_TX_7DAY_WINDOW++
      if (row.id === 400 || row.id === 500) values.CUSTOMER_ID_AVG_AMOUNT_30DAY_WINDOW *= 1.00001
      if (row.id === 600) values.TERMINAL_ID_RISK_30DAY_WINDOW += 0.25
      if (row.id === 700) values.TX_DURING_NIGHT = 1 - values.TX_DURING_NIGHT
      if (row.id === 800) values.CUSTOMER_ID_AVG_AMOUNT_30DAY_WINDOW *= 1.0000001
    }).concat(`9999,${handbookNames.map(() => 0).join(',')}\n`)
    const other = await compareIn(folder({ 'transactions.csv.gz': transactions, 'features.csv': changed }))
    expect(other).toMatchObject({
      cardRowsDiffering: 2,
      terminalRowsDiffering: 1,
      calendarRowsDiffering: 1,
      rowsCompared: 1200,
      rowsMissing: 1,
    })
    const means = other.features.find((f) => f.name === 'CUSTOMER_ID_AVG_AMOUNT_30DAY_WINDOW')
    expect(means?.first.map(({ id }) => id)).toEqual(['handbook-400', 'handbook-500'])
  })

  it('serves a data set with other columns, forms and windows by a map and a profile alone', async () => {
    const map = checkMap({
      format: 'csv',
      delimiter: ';',
      encoding: 'latin1',
      transaction: {
        id: { template: '{shop}-{number}' },
        kind: { constant: 'authorization' },
        direction: { constant: 'debit' },
        instrument: { column: 'account' },
        counterparty: { column: 'shop' },
        channel: { column: 'how', values: { T: 'pos', W: 'ecommerce' } },
        amount: { column: 'amount', decimal: ',' },
        currency: { constant: 'JPY' },
        time: { column: 'when', format: 'dd.MM.yyyy HH:mm', zone: 'Europe/Berlin' },
      },
      label: { column: 'said', values: { yes: 'fraud', no: 'genuine' }, delayDays: 0.5, source: 'chargeback' },
    })
    const text = [
      'when;number;account;shop;amount;how;said;"a ""note"""',
      '30.03.2018 23:30;1;a;"s1";100;T;yes;"caf\xe9; two',
      'lines"',
      '31.03.2018 05:30;2;b;s1;300;W;no;',
      '31.03.2018 12:00;3;a;;50;T;;x',
      '31.03.2018 23:30;4;a;s1;7;W;no;""',
    ].join('\r\n')
    const at = folder({ 'rows.csv': Buffer.from(text, 'latin1') })
    const without = { ...map, transaction: { ...map.transaction, id: { column: 'number' } } }
    const columns = await readColumns(at('rows.csv'), without)
    expect([columns.idAt(0), columns.idAt(3), columns.times[0], columns.amounts[1]]).toEqual(['1', '4', Date.UTC(2018, 2, 30, 21, 30), 300])
    const { fold, features } = createColumnFold(columns, {
      zone: 'Europe/Berlin',
      features: [
        { kind: 'hours', name: 'late', from: 22, to: 4 },
        { kind: 'sum', name: 'sum_{window}', of: 'instrument', windows: ['24h', '2d'] },
        { kind: 'frauds', name: 'frauds', of: 'counterparty', windows: ['1d'] },
      ],
    })
    expect(features.map((f) => f.name)).toEqual(['late', 'sum_24h', 'sum_2d', 'frauds'])
    const out = new Float32Array(4 * 4)
    for (let row = 0; row < 4; row++) fold(row, out, row * 4)
    // The first is out of 24 hours at exactly 24 hours; the shop's fraud is known after half a day, and for a day.
    expect([...out]).toEqual([1, 100, 100, 0, 0, 300, 300, 0, 0, 150, 150, 0, 1, 57, 157, 1])
    await expect(readColumns(at('rows.csv'), map)).rejects.toThrow('line 5: id: ')
  })

  it('refuses what a data set cannot have', async () => {
    const faulty = (profile: unknown) => readFeatureProfile(folder({ 'p.json': JSON.stringify(profile) })('p.json'))
    expect(() => faulty({ features: [{ kind: 'weekend', name: 'w', of: 'customer' }] })).toThrow('has faults')
    expect(() => faulty({ features: [{ kind: 'count', name: 'n', of: 'customer', windows: ['1 week'] }] })).toThrow('has faults')
    const share: FeatureProfile = { features: [{ kind: 'fraud_share', name: 'share', of: 'counterparty', windows: ['1d'] }] }
    expect(() => featuresOf(share, undefined)).toThrow('share needs labels')
    expect(() => featuresOf(share, 0)).toThrow('share needs labels')
    expect(() => featuresOf({ features: [{ kind: 'count', name: 'n', of: 'customer', windows: ['1d', '7d'] }] }, 0)).toThrow(
      'two features n',
    )
    const columns = await readColumns(folder({ 't.csv': csvOf(rowsOf(3)) })('t.csv'), handbookMap)
    const ofDevice: FeatureProfile = { features: [{ kind: 'count', name: 'n', of: 'device', windows: ['1d'] }] }
    expect(() => createColumnFold(columns, ofDevice)).toThrow('n is of the device, but the map has no source')
  })
})

it('the run of frauds of a merchant, as it became known, is what slow and obvious counting finds, beside features that serve', async () => {
  const rows = rowsOf(1500)
  const columns = await readColumns(folder({ 't.csv': csvOf(rows) })('t.csv'), handbookMap)
  const of = 'counterparty'
  const windows = ['3d', '28d']
  const profile: FeatureProfile = {
    features: [
      { kind: 'since_first_fraud', name: 'first_{window}', of, windows },
      { kind: 'since_last_fraud', name: 'last_{window}', of, windows },
      { kind: 'genuine_since', name: 'genuine_{window}', of, windows },
      { kind: 'fraud_run', name: 'run_{window}', of, windows },
      { kind: 'since_run_began', name: 'began_{window}', of, windows },
      { kind: 'since_last_genuine', name: 'last_genuine_{window}', of, windows },
      { kind: 'registered', names: ['amount', 'counterparty_count_24h'] },
    ],
  }
  const { fold, features } = createColumnFold(columns, profile)
  expect(features.map((f) => f.name)).toEqual([
    ...['first', 'last', 'genuine', 'run', 'began', 'last_genuine'].flatMap((name) => windows.map((w) => `${name}_${w}`)),
    'amount',
    'counterparty_count_24h',
  ])
  const serving = createServingFold(columns)
  const out = new Float32Array(features.length)
  const served = new Float32Array(width)
  let runs = 0
  for (const row of rows) {
    fold(row.id, out, 0)
    serving(row.id, served, 0)
    const known = rows.filter((r) => r.terminal === row.terminal && r.time <= row.time - 7 * day)
    const expected = [3, 28].map((days) => {
      const frauds = known.filter((r) => r.fraud === 1 && r.time > row.time - (7 + days) * day)
      const since = (r: Row | undefined) => (r ? Math.min(7 + days, (row.time - r.time) / day) : 7 + days)
      const genuine = known.filter((r) => r.fraud === 0)
      const run = frauds.filter((r) => r.id > (genuine.at(-1)?.id ?? -1))
      const [first] = frauds
      runs += run.length
      return [
        ...[since(first), since(frauds.at(-1)), first ? genuine.filter((r) => r.id > first.id).length : 0],
        ...[run.length, since(run[0]), since(genuine.at(-1))],
      ]
    })
    expect([...out.subarray(0, 12)]).toEqual([0, 1, 2, 3, 4, 5].flatMap((k) => expected.map((e) => Math.fround(e[k]))))
    expect([...out.subarray(12)]).toEqual([served[indexOf('amount')], served[indexOf('counterparty_count_24h')]])
  }
  expect(runs).toBeGreaterThan(100)
})

it('what amounts are to those that are usual is what slow and obvious counting finds, and so for the frauds of a merchant', async () => {
  const rows = rowsOf(1500)
  const columns = await readColumns(folder({ 't.csv': csvOf(rows) })('t.csv'), handbookMap)
  const { fold, features } = createColumnFold(columns, {
    features: [
      { kind: 'over_quantile', name: 'over_{window}', of: 'customer', quantile: 0.5, windows: ['3d', '90d'] },
      { kind: 'over_quantile', name: 'over_high', of: 'customer', quantile: 0.9, windows: ['90d'] },
      { kind: 'over_quantile', name: 'over_greatest', of: 'customer', quantile: 1, windows: ['90d'] },
      { kind: 'since_large', name: 'since_large', of: 'customer', windows: ['3d'] },
      { kind: 'run_least_ratio', name: 'least', of: 'counterparty', windows: ['28d'] },
    ],
  })
  const out = new Float32Array(features.length)
  const ratio = (row: Row, days: number, share: number) => {
    const earlier = rows
      .filter((r) => r.card === row.card && r.id < row.id && r.time > row.time - days * day)
      .map((r) => r.cents)
      .sort((a, b) => a - b)
    return earlier.length === 0
      ? 1
      : row.cents / Math.max(1, earlier.at(Math.min(earlier.length - 1, Math.floor(share * earlier.length))) as number)
  }
  let [large, least] = [0, 0]
  for (const row of rows) {
    fold(row.id, out, 0)
    const last = rows.findLast((r) => r.card === row.card && r.id < row.id && ratio(r, 3, 0.5) > 3)
    const known = rows.filter((r) => r.terminal === row.terminal && r.time <= row.time - 7 * day)
    const run = known.slice(known.findLastIndex((r) => r.fraud === 0) + 1)
    const lives = run.some((r) => r.time > row.time - 35 * day)
    if (last && row.time - last.time < 3 * day) large++
    if (lives) least++
    const expected = [
      ...[ratio(row, 3, 0.5), ratio(row, 90, 0.5), ratio(row, 90, 0.9), ratio(row, 90, 1)],
      last ? Math.min(3, (row.time - last.time) / day) : 3,
      lives ? Math.min(20, ...run.map((r) => ratio(r, 90, 0.5))) : 20,
    ]
    expect([...out]).toEqual(expected.map(Math.fround))
  }
  expect(large).toBeGreaterThan(100)
  expect(least).toBeGreaterThan(50)
})

it('the features that serve come out of columns as they come out of transactions, with labels as they became known', async () => {
  const rows = rowsOf(800)
  const columns = await readColumns(folder({ 't.csv': csvOf(rows) })('t.csv'), handbookMap)
  const fold = createServingFold(columns)
  const out = new Float32Array(width)
  const profiles = new Map<number, Profile>()
  const states = new Map<number, Uint32Array>()
  const known = new Set<number>()
  let frauds = 0
  for (const row of rows) {
    const transaction = {
      id: `handbook-${row.id}`,
      kind: 'authorization',
      instrument: `card-${row.card}`,
      customer: `customer-${row.card}`,
      direction: 'debit',
      counterparty: `terminal-${row.terminal}`,
      channel: 'pos',
    } as Transaction
    const profile = profiles.get(row.card) ?? new Profile()
    profiles.set(row.card, profile)
    const expected = new Float32Array(width)
    const entry = entryOf(transaction, row.cents, row.time)
    profile.fold(entry, expected, 0)
    profile.insert(entry)
    const stateOf = (terminal: number) => {
      const state = states.get(terminal) ?? new Uint32Array(stateWords)
      states.set(terminal, state)
      return state
    }
    for (const old of rows.filter((r) => r.fraud === 1 && r.time + 7 * day <= row.time && !known.has(r.id))) {
      known.add(old.id)
      addLabel(stateOf(old.terminal), 'fraud', old.time + 7 * day, 1)
    }
    readCounters(stateOf(row.terminal), row.time, expected, ownWidth)
    addTransaction(stateOf(row.terminal), row.time, cardBit(hashOf(transaction.instrument)))
    fold(row.id, out, 0)
    const counterparty = ownWidth + counterFeatures.length
    expect(out.subarray(0, counterparty)).toEqual(expected.subarray(0, counterparty))
    expect(out.subarray(counterparty).every((value) => value === 0)).toBe(true)
    frauds += out[indexOf('counterparty_frauds_30d')]
  }
  expect(frauds).toBeGreaterThan(100)
})
