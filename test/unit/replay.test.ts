import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkMap, type ReplayMap } from '../../infra/replay/map.ts'
import { createMapper } from '../../infra/replay/mapper.ts'
import { type FileRow, rowsOf } from '../../infra/replay/rows.ts'
import { timeReader } from '../../infra/replay/times.ts'

const base: ReplayMap = {
  format: 'csv',
  transaction: {
    id: { column: 'id' },
    kind: { column: 'type', values: { P: 'authorization', R: 'refund' } },
    instrument: { template: 'card-{card}' },
    direction: { constant: 'debit' },
    amount: { column: 'amount' },
    currency: { constant: 'EUR' },
    time: { column: 'time', format: 'dd.MM.yyyy HH:mm', zone: 'Europe/Berlin' },
    'place.lat': { column: 'lat', type: 'number' },
    'extra.branch': { column: 'branch' },
  },
  label: { column: 'fraud', values: { '1': 'fraud' }, delayDays: 7, source: 'chargeback' },
}
const good: Record<string, string> = {
  id: '7',
  type: 'P',
  card: '9',
  amount: '146.500',
  time: '01.03.2026 12:30',
  lat: '52.5',
  branch: '',
  fraud: '0',
}
const mapRow = (row: Record<string, string>, map = base) => createMapper(checkMap(map))((column) => row[column])

describe('times', () => {
  it('are read by a pattern, in the zone that they are in', () => {
    const berlin = timeReader('yyyy-MM-dd HH:mm:ss', 'Europe/Berlin')
    const at = (text: string) => new Date(berlin(text) ?? Number.NaN).toISOString()
    expect([at('2026-01-15 12:00:00'), at('2026-07-15 12:00:00')]).toEqual(['2026-01-15T11:00:00.000Z', '2026-07-15T10:00:00.000Z'])
    expect(berlin('2026-03-29 02:30:00')).toBeUndefined()
    expect(at('2026-10-25 02:30:00')).toBe('2026-10-25T00:30:00.000Z')
    expect([berlin('2026-02-30 00:00:00'), berlin('2026-1-1 00:00:00'), berlin('')]).toEqual([undefined, undefined, undefined])
    expect([timeReader('epoch-seconds')('1.5'), timeReader('epoch-milliseconds')('1500'), timeReader('epoch-seconds')('x')]).toEqual([
      1500,
      1500,
      undefined,
    ])
    expect([timeReader('rfc3339')('2026-03-01T12:00:00+01:00'), timeReader('rfc3339')('2026-03-01T12:00:00')]).toEqual([
      Date.parse('2026-03-01T11:00:00Z'),
      undefined,
    ])
    expect(() => timeReader('HH:mm')).toThrow('has no year')
  })

  it('are the same when they are written and read again', () => {
    const utc = timeReader('yyyyMMddHHmmssSSS')
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }), (date) => {
        expect(utc(date.toISOString().replace(/\D/g, ''))).toBe(date.getTime())
      }),
    )
  })
})

describe('a map', () => {
  it('turns a row into a transaction, and into a label where it knows', () => {
    const fields = {
      id: '7',
      kind: 'authorization',
      instrument: 'card-9',
      direction: 'debit',
      amount: '146.5',
      currency: 'EUR',
      time: '2026-03-01T11:30:00.000Z',
      place: { lat: 52.5 },
    }
    expect(mapRow(good)).toEqual({ fields, time: Date.parse(fields.time), label: undefined })
    expect(mapRow({ ...good, fraud: '1' })).toMatchObject({
      label: { id: 'replayed-7', transaction: '7', value: 'fraud', happenedAt: fields.time, knownAt: '2026-03-08T11:30:00.000Z' },
    })
  })

  it('rounds amounts that a program wrote from binary floating point, where it is told to', () => {
    const map = { ...base, transaction: { ...base.transaction, amount: { column: 'amount', round: 2 } } }
    expect(mapRow({ ...good, amount: '85.64999999999999' }, map)).toMatchObject({ fields: { amount: '85.65' } })
    expect(mapRow({ ...good, amount: '85.64999999999999' })).toMatchObject({ fields: { amount: '85.64999999999999' } })
  })

  it('gives every reason why a row cannot be one', () => {
    expect(mapRow({ ...good, type: 'X', time: 'noon', lat: 'north' })).toEqual({
      reasons: [
        "kind: the map has no value for 'X'",
        "time: 'noon' is not a time of the form dd.MM.yyyy HH:mm",
        "place.lat: 'north' is not a number",
      ],
    })
    expect(mapRow({ ...good, type: 'constructor' })).toHaveProperty('reasons')
  })

  it('is refused with all its faults before a row is read', () => {
    const wrong = {
      ...base,
      transaction: {
        ...base.transaction,
        colour: { column: 'x' },
        amount: { column: 'a', constant: 1 },
        time: { column: 't' },
      },
    }
    const { id: _, ...without } = wrong.transaction as ReplayMap['transaction']
    for (const fault of ['colour is not a field', 'amount must have one of', '/id is missing', '/time/format is missing'])
      expect(() => checkMap({ ...wrong, transaction: without })).toThrow(fault)
    expect(() => checkMap({ format: 'xml' })).toThrow('properties transaction')
  })

  it('of the handbook is right', () => {
    const map = checkMap(JSON.parse(readFileSync('infra/replay/maps/handbook.json', 'utf8')))
    const row: Record<string, string> = {
      TRANSACTION_ID: '0',
      TX_DATETIME: '2018-04-01 00:00:31',
      CUSTOMER_ID: '596',
      TERMINAL_ID: '3156',
      TX_AMOUNT: '57.16',
      TX_FRAUD: '0',
    }
    expect(mapRow(row, map)).toMatchObject({
      fields: { id: 'handbook-0', counterparty: 'terminal-3156', time: '2018-04-01T00:00:31.000Z' },
    })
  })
})

describe('rows', () => {
  const read = async (content: string | Buffer, map: ReplayMap = { format: 'csv', transaction: { id: { column: 'a' } } }) => {
    const directory = mkdtempSync(join(tmpdir(), 'replay-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const file = join(directory, 'file')
    writeFileSync(file, content)
    const rows: FileRow[] = []
    for await (const row of rowsOf(file, map)) rows.push(row)
    return rows.map((r) => [r.line, 'fault' in r ? r.fault : r.row('a')])
  }

  it('have the line numbers of the file, and faults of their own', async () => {
    const text = 'a,b\n1,x\n2\n"3\n3",y\n4,z\n'
    expect(await read(text)).toEqual([
      [2, '1'],
      [3, 'has 1 columns, not 2'],
      [5, '3\n3'],
      [6, '4'],
    ])
    expect(await read(Buffer.from('a,b\nz\xfc,x\n1,y\n', 'latin1'))).toEqual([
      [2, 'is not UTF-8'],
      [3, '1'],
    ])
    expect(await read('a,b\n1" x",y\n2"",y\n3,y\n')).toEqual([
      [2, '1" x"'],
      [3, '2""'],
      [4, '3'],
    ])
    const swallowed = await read(`a,b\n1,y\n"2,y\n${'3,y\n'.repeat(20_000)}`)
    expect(swallowed).toContainEqual([2, '1'])
    expect(swallowed.some(([, fault]) => String(fault).startsWith('is not CSV'))).toBe(true)
  })

  it('come out of gzip and out of NDJSON too', async () => {
    expect(await read(gzipSync('a\n1\n2\n'))).toEqual([
      [2, '1'],
      [3, '2'],
    ])
    const map: ReplayMap = { format: 'ndjson', transaction: { id: { column: 'a' } } }
    expect(await read('{"a":"x"}\nnonsense\n[1]\n{"a":12.5}\n', map)).toEqual([
      [1, 'x'],
      [2, expect.stringContaining('not JSON')],
      [3, undefined],
      [4, '12.5'],
    ])
  })

  it('of a file that is cut short, empty or without a column that the map names are an error', async () => {
    const whole = gzipSync(`a\n${'1234567890\n'.repeat(1000)}`)
    await expect(read(whole.subarray(0, whole.length - 20))).rejects.toThrow('unexpected end of file')
    await expect(read('')).rejects.toThrow('empty')
    await expect(read('b\n1\n')).rejects.toThrow("names a, but the file's columns are b")
  })
})
