/** Detectors are killed, or stand still for a while, between every two steps of the way of a batch; another one takes over. */
import type { ChildProcess } from 'node:child_process'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Edit } from '../../chaos/breaks.ts'
import { differences, type Verified, verify } from '../../infra/verify.ts'
import { openStore } from '../../services/detector/counters/store.ts'
import { createDetector } from '../../services/detector/service.ts'
import { innerTopics, tenantTopic, topics } from '../../services/shared/events.ts'
import type { Received } from '../../services/shared/kafka/bus.ts'
import { partitionOf } from '../../services/shared/kafka/kafkajs.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { createTenant } from '../../services/shared/tidb/settings.ts'
import { isDecided } from '../helpers/bank.ts'
import { statesByRedis, statesByTiDB } from '../helpers/counted.ts'
import { ended, isStopped, spawnService } from '../helpers/process.ts'
import { dropDatabase, eventually, testBus, testConfig, testDatabase, testTelemetry, unique } from '../helpers/servers.ts'
import { readToTheEnd } from '../helpers/topics.ts'
import { record, transaction } from '../helpers/transactions.ts'

const lane = 'services/detector/lane.ts'
const publishing = 'services/detector/lane/publishing.ts'
const recordStep = 'services/detector/record.ts'
const publishStep = 'services/detector/publish.ts'

/** A passage of a detector's source, and what it becomes where a signal strikes the process. */
type Point = { file: string; from: string; to: (strike: string) => string; condition: string }
const holdsFatal = (verdicts: string) => `${verdicts}.some((v) => v.row?.id === 'fatal')`
const before = (file: string, from: string, condition: string): Point => ({ file, from, to: (strike) => `${strike}\n${from}`, condition })
const after = (file: string, from: string, condition: string): Point => ({ file, from, to: (strike) => `${from}\n${strike}`, condition })

const recording = 'const outcome = await detection.record(batch.prepared)'
const counting = 'moved.catch(() => undefined)'
const commit = "await c.query('COMMIT')"
const send = 'await bus.send(request)'
const inserting = 'const moved = await insertDecided(c, decided, featureSet, advance(moves))'
/** Whether the batch is the one with the transaction `fatal`, by what its verdicts are called there. */
const inBatch = holdsFatal('batch.prepared.verdicts')
const inVerdicts = holdsFatal('verdicts')
const answered = after(recordStep, commit, inVerdicts)
const claimed = before('services/detector/intake/claims.ts', 'p.epoch = claimed.epoch', "p.place.topic === 'transactions'")
const betweenRequests: Point = { file: publishStep, from: send, to: (strike) => `{ ${send}; ${strike} }`, condition: inVerdicts }
const smallRequests: Edit = { file: publishStep, from: 'mostBytes = 1_000_000', to: 'mostBytes = 2_000' }

/** `recorded` says whether TiDB has the batch when its detector dies, where that is certain. */
type Case = { between: string; points: readonly Point[]; recorded?: boolean; also?: readonly Edit[]; wakes?: true; fails?: true }
const killed: readonly Case[] = [
  { between: 'taken and recorded', points: [before(lane, recording, inBatch)], recorded: false },
  {
    between: 'progress and rows sent and answered',
    points: [
      {
        file: recordStep,
        from: inserting,
        to: (strike) => `const answer = ${inserting.slice(inserting.indexOf('insert'))}\n${strike}\nconst moved = await answer`,
        condition: inVerdicts,
      },
    ],
    recorded: false,
  },
  { between: 'rows inserted and COMMIT', points: [before(recordStep, commit, inVerdicts)], recorded: false },
  {
    between: 'COMMIT sent and answered',
    points: [
      {
        file: recordStep,
        from: commit,
        to: (strike) => `const answer = c.query('COMMIT')\n${strike}\nawait answer`,
        condition: inVerdicts,
      },
    ],
  },
  {
    between: 'counters moved and published',
    points: [{ file: lane, from: counting, to: (strike) => `await moved\n${strike}`, condition: inBatch }],
    recorded: true,
  },
  { between: 'two requests of one publication', points: [betweenRequests], also: [smallRequests], recorded: true },
  {
    between: 'published and Kafka’s offset committed',
    points: [before(publishing, 'd.intake.commit(partitions)', inVerdicts)],
    recorded: true,
  },
  // What the first one left is made good by a second and a third one, which are killed over it.
  {
    between: 'COMMIT answered and counters moved, claimed and read, read back and published again',
    points: [answered, claimed, before(lane, 'publishing.add(wanted, partitions)', holdsFatal('wanted'))],
    recorded: true,
  },
]
const frozen: readonly Case[] = [
  { between: 'taken and recorded', points: [before(lane, recording, inBatch)], recorded: false, wakes: true },
  { between: 'COMMIT answered and counters moved', points: [answered], recorded: true, wakes: true },
]
const failing: readonly Case[] = [
  { between: 'two requests of one publication', points: [betweenRequests], also: [smallRequests], recorded: true, fails: true },
]

const editOf = ({ file, from, to, condition }: Point, { wakes, fails }: Case): Edit => {
  const strike = fails
    ? `if (${condition} && !globalThis.struck) { globalThis.struck = true; throw new Error('no leader') }`
    : `if (${condition}) process.kill(process.pid, '${wakes ? 'SIGSTOP' : 'SIGKILL'}');`
  return { file, from, to: to(strike) }
}

const partitions = 2
const bankOf = (t: string) => {
  const first = Array.from({ length: 20 }, (_, i) =>
    transaction(t, { id: `a-${i}`, customer: `c-${i % 6}`, counterparty: `shop-${i % 2}` }),
  )
  const second = Array.from({ length: 20 }, (_, i) => transaction(t, { id: `b-${i}`, customer: `c-${i % 6}`, device: `d-${i % 3}` }))
  const fatal = transaction(t, { id: 'fatal', customer: 'c-0' })
  const astray = transaction(t, { id: 'astray', customer: 'c-2' })
  const last = Array.from({ length: 10 }, (_, i) => transaction(t, { id: `z-${i}`, customer: `c-${i % 6}` }))
  const now = new Date().toISOString()
  const to = (name: 'outcomes' | 'labels' | 'parties', key: string, value: object) => ({
    topic: tenantTopic(t, name),
    key: `${t}:${key}`,
    value: JSON.stringify({ tenant: t, ...value }),
  })
  return {
    first: first.map(record),
    second: [
      ...[fatal, ...second, first[3], second[2], { ...first[4], amount: 1 }].map(record),
      { topic: tenantTopic(t, 'transactions'), key: `${t}:c-1`, value: '{' },
      { ...record(astray), partition: (partitionOf(topics.transactions.key(astray), partitions) + 1) % partitions },
      to('labels', 'a-1', { id: 'l', transaction: 'a-1', value: 'fraud', source: 'chargeback', happenedAt: now, knownAt: now }),
      to('outcomes', 'c-1', { id: 'o', customer: 'c-1', transaction: 'a-1', result: 'declined', happenedAt: now }),
      to('parties', 'c-1', { customer: 'c-1', validFrom: now, country: 'DE' }),
    ],
    last: last.map(record),
    ids: (wakes: boolean) => [...first, ...second, fatal, astray, ...(wakes ? last : [])].map(({ id }) => id).toSorted(),
  }
}

type Seen = {
  tenant: string
  ends: { signal: NodeJS.Signals | null; recorded: boolean }[]
  awake?: ChildProcess
}
type Day = {
  database: Database
  seen: Map<Case, Seen>
  published: Map<string, Received[]>
  countersDiffer: string[]
  verified: Verified
}

/** What is to be closed at the end, newest first. */
const closing: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

/** `work` on each, a few at a time, since each starts a process. */
async function fewAtATime<T>(list: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...list]
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all([worker(), worker(), worker(), worker()])
}

async function day(): Promise<Day> {
  const config = testConfig()
  const database = await testDatabase(config, { keep: true })
  closing.push(() => dropDatabase(config, database))
  const bus = await testBus(config, { keep: true })
  closing.push(() => bus.stop())
  const admin = await bus.admin()
  const cases = [...killed, ...frozen, ...failing]
  const seen = new Map<Case, Seen>()
  const groupOf = (tenant: string, n: number) => `${config.group}-${tenant}-${n}`

  const isRecorded = async (tenant: string) =>
    (await database.query("SELECT id FROM transactions WHERE tenant = ? AND id = 'fatal'", [tenant])).length === 1
  /** The next detector begins where Kafka's offset stood when the one before died, without waiting for Kafka to miss that one. */
  const handOver = async (tenant: string, from: string, to: string) => {
    const [{ topic, partitions: parts }] = await admin.fetchOffsets({ groupId: from, topics: [tenantTopic(tenant, 'transactions')] })
    const known = parts.flatMap(({ partition, offset }) => (offset === '-1' ? [] : [{ partition, offset }]))
    // One that was killed before it committed any leaves the next to begin where it did.
    if (known.length > 0) await admin.setOffsets({ groupId: to, topic, partitions: known })
  }
  const strike = async (c: Case) => {
    const { tenant } = await createTenant(database, bus, {
      tenant: unique('bank-'),
      partitions,
      settings: { thresholds: { challenge: 0, review: 0, decline: 1 } },
    })
    const { first, second } = bankOf(tenant)
    const mine: Seen = { tenant, ends: [] }
    seen.set(c, mine)
    await bus.send(first)
    for (const [n, point] of c.points.entries()) {
      // Each process has a group of its own and knows no other bank, so that all can share one database and one Redis.
      const child = spawnService('detector', config, {
        keep: true,
        edits: [
          {
            file: 'services/shared/tidb/settings.ts',
            from: 'WHERE t.disabled IS NULL',
            to: `WHERE t.tenant = '${tenant}' AND t.disabled IS NULL`,
          },
          { file: 'services/detector/service.ts', from: '-detector`,', to: `-${tenant}-${n}\`,` },
          ...(c.also ?? []),
          editOf(point, c),
        ],
      })
      closing.push(() => child.kill('SIGKILL'))
      if (n === 0) {
        await eventually(`the first records of ${tenant}`, () => isDecided(database, bus, tenant), 150)
        await bus.send(second)
      }
      if (c.wakes) {
        await eventually(`a detector that stands still ${c.between}`, () => isStopped(child), 150)
        mine.awake = child
      } else {
        if (c.fails) {
          await eventually(`${tenant} decided in spite of it`, () => isDecided(database, bus, tenant), 150)
          child.kill('SIGTERM')
        }
        await eventually(`the end of a detector ${c.between}`, () => child.exitCode !== null || child.signalCode !== null, 150)
      }
      mine.ends.push({ signal: child.signalCode, recorded: await isRecorded(tenant) })
      if (n + 1 < c.points.length) await handOver(tenant, groupOf(tenant, n), groupOf(tenant, n + 1))
    }
  }
  await fewAtATime(cases, strike)
  for (const c of cases) {
    const { tenant } = seen.get(c) as Seen
    await handOver(tenant, groupOf(tenant, c.points.length - 1), `${config.group}-detector`)
  }

  const successor = createDetector(config, testTelemetry())
  closing.push(() => successor.stop())
  await successor.start()
  const allDecided = async () => {
    for (const { tenant } of seen.values()) await eventually(`all records of ${tenant}`, () => isDecided(database, bus, tenant), 150)
  }
  await allDecided()
  for (const { tenant, awake } of seen.values()) {
    if (!awake) continue
    awake.kill('SIGCONT')
    await bus.send(bankOf(tenant).last)
    await eventually(`the last records of ${tenant}`, () => isDecided(database, bus, tenant), 150)
    // It finishes what it had in hand.
    awake.kill('SIGTERM')
    await ended(awake)
  }
  await allDecided()

  const store = openStore(config.redis, config.group)
  closing.push(() => store.stop())
  await store.ready()
  const expected = await statesByTiDB(database)
  let countersDiffer: string[] = []
  await eventually('the counters', async () => {
    const found = await statesByRedis(store, expected.keys())
    countersDiffer = [...expected].filter(([name, state]) => !isDeepStrictEqual(found.get(name), state)).map(([name]) => name)
    return countersDiffer.length === 0
  }).catch(() => undefined)
  await successor.stop()
  const outgoing = [...seen.values()].flatMap(({ tenant }) => [tenantTopic(tenant, 'decisions'), tenantTopic(tenant, 'alerts')])
  const verified = await verify(database, { from: 0, to: Date.now() + 86_400_000 })
  return { database, seen, verified, countersDiffer, published: await readToTheEnd(bus, [...outgoing, innerTopics.deadLetters]) }
}

describe('a batch whose detector', () => {
  let d: Day
  beforeAll(async () => {
    d = await day()
  }, 600_000)

  const check = async (c: Case) => {
    const { tenant, ends } = d.seen.get(c) as Seen
    const query = <T>(sql: string) => d.database.query<T>(sql, [tenant])
    const ids = bankOf(tenant).ids(c.wakes === true)
    expect((await query<{ id: string }>('SELECT id FROM transactions WHERE tenant = ?')).map(({ id }) => id).toSorted()).toEqual(ids)
    for (const [name, idOf] of [
      ['decisions', (m: { id: string }) => m.id],
      ['alerts', (m: { transaction: string }) => m.transaction],
    ] as const) {
      const texts = new Set((d.published.get(tenantTopic(tenant, name)) ?? []).map(({ value }) => value?.toString() as string))
      // As many different messages as ids: each was published, and no two of one id differ.
      expect([...texts].map((text) => idOf(JSON.parse(text))).toSorted()).toEqual(ids)
    }
    const letters = new Set(
      (d.published.get(innerTopics.deadLetters) ?? []).flatMap(({ key, value }) => (key?.startsWith(`${tenant}:`) ? [String(value)] : [])),
    )
    expect([...letters].map((text) => (JSON.parse(text) as { reason: string }).reason).toSorted()).toEqual(['id_conflict', 'not_json'])
    for (const table of ['labels', 'outcomes', 'customers']) expect(await query(`SELECT * FROM ${table} WHERE tenant = ?`)).toHaveLength(1)
    const unaccounted = await query<{ part: number }>(
      `SELECT p.part FROM progress p WHERE p.tenant = ? AND p.topic = 'transactions' AND p.next_offset <>
         (SELECT COUNT(*) FROM transactions t WHERE t.tenant = p.tenant AND t.part = p.part)
         + (SELECT COUNT(*) FROM set_aside s WHERE s.tenant = p.tenant AND s.topic = p.topic AND s.part = p.part)
         + (SELECT COUNT(*) FROM dead_letters l WHERE l.tenant = p.tenant AND l.topic = p.topic AND l.part = p.part)`,
    )
    expect(unaccounted).toEqual([])
    expect(d.countersDiffer.filter((name) => name.split(':')[1] === tenant)).toEqual([])
    return ends
  }

  test.each(killed)('is killed between $between is decided once, by another one', async (c) => {
    const ends = await check(c)
    expect(ends).toHaveLength(c.points.length)
    for (const { signal, recorded } of ends) {
      expect(signal).toBe('SIGKILL')
      if (c.recorded !== undefined) expect(recorded).toBe(c.recorded)
    }
  })

  test.each(frozen)('stands still between $between, until another one has decided all, and wakes, is decided once', async (c) => {
    const [{ recorded }] = await check(c)
    expect(recorded).toBe(c.recorded)
    expect(d.seen.get(c)?.awake?.exitCode).toBe(0)
  })

  test.each(failing)('meets an error between $between is published again by itself', async (c) => {
    const [{ signal, recorded }] = await check(c)
    expect([signal, recorded]).toEqual([null, true])
    const { tenant } = d.seen.get(c) as Seen
    const texts = d.published.get(tenantTopic(tenant, 'decisions'))?.map(({ value }) => String(value))
    // Where it lay in a request that had not gone out yet, it goes out once.
    const least = c.between === 'two requests of one publication' ? 1 : 2
    expect(texts?.filter((text) => text.includes('"id":"fatal"')).length).toBeGreaterThanOrEqual(least)
  })

  test('comes out again as it was decided', () => {
    expect(d.verified).toMatchObject({
      checked: [...killed, ...frozen, ...failing].reduce((sum, c) => sum + bankOf('x').ids(c.wakes === true).length, 0),
      ids: [],
    })
    expect(differences(d.verified)).toBe(0)
  })
})
