/** The transaction of a batch, on a real database whose answers go missing, and with owners that do not know of each other. */
import type { PoolConnection } from 'mysql2/promise'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Decided, Raw, Verdict } from '../../services/detector/batch.ts'
import { claim, type Move } from '../../services/detector/intake/progress.ts'
import { insertDecided, prepareForWriting } from '../../services/detector/record/insert.ts'
import { createRecorder, type Recorder } from '../../services/detector/record.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { decided } from '../helpers/decided.ts'
import { eventually, testConfig, testDatabase, testTelemetry, unique } from '../helpers/servers.ts'
import { transaction } from '../helpers/transactions.ts'

const tenant = 'bank'
const at = { tenant, topic: 'transactions', partition: 0 } as const

let database: Database
beforeEach(async () => {
  database = await testDatabase(testConfig())
})

const take = (partition = 0) => claim(database, { ...at, partition }, unique('owner-'), undefined, 0)
const move = (epoch: number, from: number, to: number, partition = 0): Move => ({
  ...at,
  partition,
  epoch,
  from,
  to,
  lastRecord: Buffer.alloc(16, to),
})
/** Three decided transactions of a partition, from an offset on. */
const three = (from: number, partition = 0): Verdict[] =>
  [0, 1, 2].map((i) => {
    const row = decided(transaction(tenant, { id: `t-${partition}-${from + i}`, customer: `c-${partition}` }), from + i)
    const raw = { ...row.raw, partition }
    return { kind: 'decided', raw, row: { ...row, raw } }
  })

/** A statement as mysql2 has it in hand; others than statements have no text. */
type Command = { sql?: string; onResult: (error: unknown, ...results: unknown[]) => void }
/** What happens to a statement on its way: nothing unless `fault` does something, once or at each. */
type Fault = (sql: string, run: () => Promise<unknown>, connection: PoolConnection) => Promise<unknown>
function recorderWith(fault: Fault = (_, run) => run()): Recorder {
  const connect = async () => {
    const connection = await database.connect()
    const core = connection.connection as unknown as { addCommand(command: Command): Command }
    const through = core.addCommand.bind(core)
    core.addCommand = (command) => {
      const { sql, onResult } = command
      if (sql === undefined) return through(command)
      let answer: unknown[] = []
      const run = () =>
        new Promise((resolve, reject) => {
          command.onResult = (error, ...results) => {
            answer = results
            if (error) reject(error)
            else resolve(undefined)
          }
          through(command)
        })
      fault(sql, run, connection).then(() => onResult(null, ...answer), onResult)
      return command
    }
    // The pool gives it to others afterwards.
    Object.assign(connection, { release: () => connection.destroy() })
    return connection
  }
  const recorder = createRecorder({ ...database, connect }, testTelemetry(), Buffer.alloc(8))
  onTestFinished(() => recorder.stop())
  return recorder
}

const lost = (connection: PoolConnection): never => {
  connection.destroy()
  throw Object.assign(new Error('Connection lost'), { code: 'PROTOCOL_CONNECTION_LOST' })
}
const undelivered: Fault = async (_, __, connection) => lost(connection)
const unanswered: Fault = async (_, run, connection) => {
  await run()
  return lost(connection)
}
/** Carries the statement out, and says that it went wrong. */
const denied =
  (errno: number): Fault =>
  async (_, run) => {
    await run()
    throw Object.assign(new Error('denied'), { errno })
  }
/** Does `what` to the first statement that holds `text`. */
const once = (text: string, what: Fault): Fault => {
  let done = false
  return (sql, run, connection) => {
    if (done || !sql.includes(text)) return run()
    done = true
    return what(sql, run, connection)
  }
}

const ids = async () => (await database.query<{ id: string }>('SELECT id FROM transactions ORDER BY id')).map(({ id }) => id)
const next = async (partition = 0) =>
  (await database.query<{ next_offset: number }>('SELECT next_offset FROM progress WHERE part = ?', [partition]))[0].next_offset

describe('a batch is recorded', () => {
  test('by the newest owner alone: whoever owned the partition before it writes nothing', async () => {
    const [zombie, owner] = [await take(), await take()]
    const recorder = recorderWith()
    const old = move(zombie.epoch, 0, 3)
    expect(await recorder.record(three(0), [old])).toEqual({ result: 'fenced', by: [old] })
    expect([await ids(), await next()]).toEqual([[], 0])
    expect(await recorder.record(three(0), [move(owner.epoch, 0, 3)])).toEqual({ result: 'recorded' })
    expect(await recorder.record(three(3), [move(zombie.epoch, 3, 6)])).toMatchObject({ result: 'fenced' })
    expect([await ids(), await next()]).toEqual([['t-0-0', 't-0-1', 't-0-2'], 3])
  })

  test('in turn alone: one that begins after or before where progress stands writes nothing', async () => {
    const { epoch } = await take()
    const recorder = recorderWith()
    expect(await recorder.record(three(3), [move(epoch, 3, 6)])).toMatchObject({ result: 'fenced' })
    expect(await ids()).toEqual([])
    await recorder.record(three(0), [move(epoch, 0, 3)])
    expect(await recorder.record(three(3), [move(epoch, 3, 6)])).toEqual({ result: 'recorded' })
    // One that comes again is where progress stands, and so is taken for written; one of before that is not.
    expect(await recorder.record(three(3), [move(epoch, 3, 6)])).toEqual({ result: 'recorded' })
    expect(await recorder.record(three(0), [move(epoch, 0, 3)])).toMatchObject({ result: 'fenced' })
    expect([(await ids()).length, await next()]).toEqual([6, 6])
  })

  test('for all of its partitions or for none: one that is lost keeps the others from being written, and is named', async () => {
    const [{ epoch }, before] = [await take(0), await take(1)]
    await take(1)
    const moves = [move(epoch, 0, 3), move(before.epoch, 0, 3, 1)]
    const recorder = recorderWith()
    expect(await recorder.record([...three(0), ...three(0, 1)], moves)).toEqual({ result: 'fenced', by: [moves[1]] })
    expect([await ids(), await next(0), await next(1)]).toEqual([[], 0, 0])
  })

  test('once, when its COMMIT was carried out and the answer lost', async () => {
    const { epoch } = await take()
    const recorder = recorderWith(once('COMMIT', unanswered))
    expect(await recorder.record(three(0), [move(epoch, 0, 3)])).toEqual({ result: 'recorded' })
    expect([(await ids()).length, await next()]).toEqual([3, 3])
  })

  test('once, when its COMMIT never arrived', async () => {
    const { epoch } = await take()
    const recorder = recorderWith(once('COMMIT', undelivered))
    expect(await recorder.record(three(0), [move(epoch, 0, 3)])).toEqual({ result: 'recorded' })
    expect([(await ids()).length, await next()]).toEqual([3, 3])
  })

  test('by whoever it was, and not again, when its COMMIT was carried out, the answer lost and the partition taken by another', async () => {
    const { epoch } = await take()
    let other: Awaited<ReturnType<typeof take>> | undefined
    const recorder = recorderWith(
      once('COMMIT', async (_, run, connection) => {
        await run()
        other = await take()
        return lost(connection)
      }),
    )
    expect(await recorder.record(three(0), [move(epoch, 0, 3)])).toMatchObject({ result: 'fenced' })
    expect(other).toMatchObject({ nextOffset: 3, intact: false })
    expect(other?.epoch).toBeGreaterThan(epoch)
    expect([(await ids()).length, await next()]).toEqual([3, 3])
  })

  test('or not, when another one claims the partition while it is under way, and that one is told which', async () => {
    const { epoch } = await take()
    let claiming: ReturnType<typeof take> | undefined
    const recorder = recorderWith(
      once('COMMIT', async (_, run) => {
        claiming = take()
        // TiDB lets the claim go first, MariaDB has it wait for the batch.
        await Promise.race([claiming, new Promise((resolve) => setTimeout(resolve, 300))])
        return run()
      }),
    )
    const { result } = await recorder.record(three(0), [move(epoch, 0, 3)])
    const { nextOffset } = (await claiming) as Awaited<ReturnType<typeof take>>
    expect([result, nextOffset]).toEqual((await database.product()).name === 'TiDB' ? ['fenced', 0] : ['recorded', 3])
    expect((await ids()).length).toBe(nextOffset)
  })

  test('once, when another transaction gets in its way: from its beginning, not its last statement again', async () => {
    const { epoch } = await take()
    const statements: string[] = []
    const conflict = once('COMMIT', async (_, run) => {
      const writing = database.execute('UPDATE progress SET updated = updated + 1')
      await Promise.race([writing, new Promise((resolve) => setTimeout(resolve, 300))])
      try {
        return await run()
      } finally {
        await writing
      }
    })
    const recorder = recorderWith((sql, run, connection) => {
      statements.push(sql.trim().split(' ')[0])
      return conflict(sql, run, connection)
    })
    expect(await recorder.record(three(0), [move(epoch, 0, 3)])).toEqual({ result: 'recorded' })
    const whole = ['UPDATE', 'COMMIT']
    expect(statements).toEqual((await database.product()).name === 'TiDB' ? ['SET', ...whole, 'ROLLBACK', ...whole] : ['SET', ...whole])
    expect([(await ids()).length, await next()]).toEqual([3, 3])
  })

  test('once, when the same id comes on two partitions at the same time: one has it, the other writes nothing and is told', async () => {
    const [first, second] = [await take(0), await take(1)]
    const same = (partition: number): Verdict[] => {
      const row = decided(transaction(tenant, { id: 'same', customer: `c-${partition}` }), 2)
      const raw = { ...row.raw, partition }
      return [...three(0, partition).slice(0, 2), { kind: 'decided', raw, row: { ...row, raw } }]
    }
    const results = await Promise.all([
      recorderWith().record(same(0), [move(first.epoch, 0, 3)]),
      recorderWith().record(same(1), [move(second.epoch, 0, 3, 1)]),
    ])
    expect(results.map(({ result }) => result).toSorted()).toEqual(['recorded', 'taken'])
    const winner = results[0].result === 'recorded' ? 0 : 1
    expect([await ids(), await next(winner), await next(1 - winner)]).toEqual([['same', `t-${winner}-0`, `t-${winner}-1`], 3, 0])
  })
})

test('the plan of a statement is kept for rows with and without reasons, other currencies and scores in shadow', async ({ skip }) => {
  const [{ version }] = await database.query<{ version: string }>('SELECT VERSION() AS version')
  if (!version.includes('TiDB')) skip('the server keeps no plans of statements')
  const connection = await database.connect()
  onTestFinished(() => connection.destroy())
  await prepareForWriting(connection)
  const something: readonly Partial<Decided>[] = [
    { reasons: [{ code: 'amount', text: 'A large amount' }] },
    { rateDate: 20_260_101 },
    { challengers: Buffer.alloc(12) },
  ]
  let batch = 0
  /** Writes a batch in which other rows than in those before have something. */
  const isKept = async () => {
    const n = batch++
    const rows = Array.from({ length: 512 }, (_, i) =>
      decided(transaction(tenant, { id: `p-${n}-${i}`, customer: 'c' }), 512 * n + i, something[i - 3 * n]),
    )
    await insertDecided(connection, rows, Buffer.alloc(8))
    const [[{ kept }]] = (await connection.query('SELECT @@last_plan_from_cache AS kept')) as unknown as [[{ kept: number }]]
    return kept === 1
  }
  // Another test's tables make all plans void, so that one batch alone tells nothing.
  for (const _ of something) await eventually('a plan that is kept', isKept)
})

test('owners that take a partition from each other all the time go on where the one before them stopped', async () => {
  await take()
  const found = { recorded: 0, fenced: 0, taken: 0, refused: 0, abandoned: 0 }
  const contest = async () => {
    const recorder = recorderWith()
    for (let turn = 0; turn < 40; turn++) {
      const { epoch, nextOffset } = await take()
      const { result } = await recorder.record(three(nextOffset), [move(epoch, nextOffset, nextOffset + 3)])
      found[result]++
    }
  }
  await Promise.all([contest(), contest(), contest(), contest()])
  expect(found).toMatchObject({ taken: 0, refused: 0, abandoned: 0 })
  expect(found.recorded).toBeGreaterThan(0)
  expect(await next()).toBe(3 * found.recorded)
  expect((await ids()).length).toBe(3 * found.recorded)
})

const tables = [
  'transactions',
  'set_aside',
  'dead_letters',
  'outcomes',
  'labels',
  'label_moves',
  'waiting_labels',
  'customers',
  'instruments',
]

/** A batch that writes a row to each of `tables`. */
function ofEverything(serial: number): { verdicts: Verdict[]; to: number } {
  const now = new Date().toISOString()
  const from = serial * 7
  const raw = (i: number): Raw => ({ ...at, log: 0, offset: from + i, received: Date.now(), key: null, value: Buffer.from('{}') })
  const id = `x-${serial}`
  const row = decided(transaction(tenant, { id }), from)
  const label = (name: string) =>
    ({ id: `${id}-${name}`, tenant, transaction: id, value: 'fraud', source: 'chargeback', happenedAt: now, knownAt: now }) as const
  const counts = { tenant, part: 0, log: 0, log_offset: from + 4, counterparty: 'shop', device: null, ip: null }
  return {
    to: from + 7,
    verdicts: [
      { kind: 'decided', raw: row.raw, row },
      { kind: 'duplicate', raw: raw(1), id, first: row },
      { kind: 'dead_letter', raw: raw(2), reason: 'not_json', detail: 'why', value: null, at: 1 },
      {
        kind: 'outcome',
        raw: raw(3),
        outcome: { id, tenant, customer: 'c', transaction: id, result: 'declined', happenedAt: now },
        happened: serial,
      },
      {
        kind: 'label',
        raw: raw(4),
        label: label('counts'),
        standing: {
          waits: false,
          waited: false,
          conflicts: false,
          move: { ...counts, value: 'fraud', known_at: 1, old_value: null, old_known_at: null },
        },
      },
      { kind: 'label', raw: raw(5), label: label('waits'), standing: { waits: true, waited: false, conflicts: false, move: undefined } },
      { kind: 'party', raw: raw(6), party: { tenant, customer: 'c', validFrom: now } },
      { kind: 'party', raw: raw(6), party: { tenant, customer: 'c', instrument: `card-${serial}`, validFrom: now } },
    ],
  }
}

test('a batch is recorded whole and once, whatever goes wrong at whichever of its statements', async () => {
  const { epoch } = await take()
  // Progress and decided transactions go out at once.
  const all = [...tables.map((table) => `INTO ${table} `), 'COMMIT']
  const some = ['UPDATE progress', 'INTO customers ', 'COMMIT']
  // A conflict, after which TiDB wants the transaction again, and an error that means nothing to anybody.
  const faults: [string, Fault, string[]][] = [
    ['ends the connection after', unanswered, all],
    ['ends the connection before', undelivered, some],
    ['conflicts at', denied(9007), some],
    ['fails at', denied(1105), some],
  ]
  let serial = 0
  for (const [what, fault, statements] of faults)
    for (const statement of statements) {
      const { verdicts, to } = ofEverything(serial)
      let struck = false
      const recorder = recorderWith(
        once(statement, (...given) => {
          struck = true
          return fault(...given)
        }),
      )
      expect([what, statement, await recorder.record(verdicts, [move(epoch, serial * 7, to)])]).toEqual([
        what,
        statement,
        { result: 'recorded' },
      ])
      expect([what, statement, struck]).toEqual([what, statement, true])
      await recorder.stop()
      serial++
    }
  for (const table of tables) {
    const [{ n }] = await database.query<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`)
    expect([table, Number(n)]).toEqual([table, table === 'labels' ? 2 * serial : serial])
  }
  expect(await next()).toBe(serial * 7)
})
