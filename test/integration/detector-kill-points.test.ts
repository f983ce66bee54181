import { expect, test } from 'vitest'
import type { Edit } from '../../chaos/breaks.ts'
import { type DeadLetter, innerTopics, tenantTopic } from '../../services/shared/events.ts'
import { type Bank, bank, decidedIds, detector, progressOf, rows } from '../helpers/bank.ts'
import { ended, spawnService } from '../helpers/process.ts'
import { eventually } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'
import { record, transaction } from '../helpers/transactions.ts'

/** Ends the process the second time that it comes here. */
const die = "if ((globalThis.reached = (globalThis.reached ?? 0) + 1) === 2) { process.kill(process.pid, 'SIGKILL'); for (;;); }"
/** Throws, the second time. */
const fail = (error: string) => `if ((globalThis.reached = (globalThis.reached ?? 0) + 1) === 2) throw ${error}`

const before = (file: string, passage: string, what: string): Edit => ({ file, from: passage, to: `${what}\n${passage}` })
const recorder = 'services/detector/record.ts'
const lane = 'services/detector/lane.ts'
const publisher = 'services/detector/publish.ts'
const commit = "await c.query('COMMIT')\n    return true"
const send = 'for (const request of requestsOf(records)) await bus.send(request)'
const small: Edit = { file: publisher, from: 'const mostBytes = 1_000_000', to: 'const mostBytes = 1_000' }

/** The path of a batch, in order. */
const killed: [string, readonly Edit[]][] = [
  ['it is prepared and nothing is written', [before(recorder, 'if (!(await advance(over(c), moves))) {', die)]],
  ['progress is moved and no row is inserted', [before(recorder, 'const decided = verdicts.flatMap(', die)]],
  ['decisions are inserted and the other outcomes are not', [before(recorder, 'if (decided.length < verdicts.length) {', die)]],
  ['all is written and not committed', [before(recorder, commit, die)]],
  [
    'COMMIT is carried out and not answered',
    [
      {
        file: recorder,
        from: commit,
        to: `const sent = c.query('COMMIT'); await new Promise((r) => setTimeout(r, 300)); ${die}\n await sent; return true`,
      },
    ],
  ],
  ['it is recorded, and neither counted nor published', [before(lane, 'const moved = counters.move(', die)]],
  ['it is on its way to the counters, and not published', [before(lane, 'publishInOrder(batch.prepared.verdicts', die)]],
  [
    'a part of it is published',
    [small, { file: publisher, from: send, to: `for (const request of requestsOf(records)) { await bus.send(request); ${die} }` }],
  ],
  ['it is published, and Kafka’s offset is not committed', [before(lane, 'intake.commit(partitions)', die)]],
]
const failed: [string, readonly Edit[]][] = [
  ['a conflict at COMMIT', [before(recorder, commit, fail("Object.assign(new Error('conflict'), { errno: 9007 })"))]],
  [
    'a connection that is lost before the rows are inserted',
    [before(recorder, 'const decided = verdicts.flatMap(', fail("Object.assign(new Error('lost'), { code: 'ECONNRESET' })"))],
  ],
  ['a statement that TiDB refuses', [before(recorder, 'if (decided.length < verdicts.length) {', fail("new Error('refused')"))]],
  [
    'a broker that takes only a part',
    [
      small,
      {
        file: publisher,
        from: send,
        to: `for (const request of requestsOf(records)) { await bus.send(request); ${fail("new Error('no leader')")} }`,
      },
    ],
  ],
]

/** Sends ten transactions, a resend and poison, and says how many records there are now. */
function sender(b: Bank): { sent: { ids: string[]; poison: number; records: number }; more(): Promise<void> } {
  const sent = { ids: [] as string[], poison: 0, records: 0 }
  return {
    sent,
    async more() {
      const made = Array.from({ length: 10 }, (_, i) =>
        record(transaction(b.name, { id: `t-${sent.ids.length + i}`, customer: `c-${i % 7}`, amount: 100 + i })),
      )
      await b.bus.send([...made, made[3], { ...made[0], value: `{"poison": ${sent.poison}` }])
      sent.ids.push(...Array.from({ length: 10 }, (_, i) => `t-${sent.ids.length + i}`))
      sent.poison++
      sent.records += 12
    },
  }
}

/** All that was sent has one outcome each, and all of it is published, every id with one decision. */
async function expectAllOnce(b: Bank, { ids, poison, records }: { ids: string[]; poison: number; records: number }): Promise<void> {
  await eventually('all records have an outcome', async () => (await progressOf(b)) === records, 60)
  expect((await decidedIds(b)).toSorted()).toEqual(ids.toSorted())
  const [{ n }] = await rows<{ n: number }>(
    b,
    `SELECT (SELECT COUNT(*) FROM transactions t WHERE t.tenant = p.tenant) + (SELECT COUNT(*) FROM set_aside s WHERE s.tenant = p.tenant)
       + (SELECT COUNT(*) FROM dead_letters d WHERE d.tenant = p.tenant) AS n FROM progress p WHERE p.tenant = ? LIMIT 1`,
  )
  expect(Number(n)).toBe(records)
  const decisions = await collect(b.bus, tenantTopic(b.name, 'decisions'))
  const texts = () => new Set(decisions.map((d) => d.value?.toString()))
  await eventually('all decisions', () => texts().size >= ids.length)
  const letters = await collect(b.bus, innerTopics.deadLetters)
  const poisonOf = () => new Set(valuesOf<DeadLetter>(letters).flatMap((l) => (l.tenant === b.name ? [`${l.partition}:${l.offset}`] : [])))
  await eventually('all dead letters', () => poisonOf().size === poison)
  expect(texts().size).toBe(ids.length)
}

/** Runs the same for every point at once, each on a bank of its own, and says which one went wrong. */
const atEach = (points: typeof killed, run: (edits: readonly Edit[]) => Promise<void>): Promise<unknown> =>
  Promise.all(
    points.map(([point, edits]) =>
      run(edits).catch((cause: unknown) => {
        throw new Error(`${point}: ${cause instanceof Error ? cause.message : cause}`, { cause })
      }),
    ),
  )

test('a detector that is killed between any two steps of a batch leaves nothing lost and nothing decided twice', async () => {
  await atEach(killed, async (edits) => {
    const b = await bank()
    const child = spawnService('detector', b.config, edits)
    const { sent, more } = sender(b)
    const dead = ended(child)
    let over = false
    void dead.then(() => {
      over = true
    })
    await more()
    await eventually(
      'its death',
      async () => {
        // More than one batch, however long the first one takes to begin.
        if (!over && (await progressOf(b)) >= sent.records - 12 && sent.records < 600) await more()
        return over
      },
      90,
    )
    expect(await dead).toBeNull()
    await more()
    await detector(b.config)
    await expectAllOnce(b, sent)
  })
}, 240_000)

test('a detector that meets an error at any step of a batch goes on by itself', async () => {
  await atEach(failed, async (edits) => {
    const b = await bank()
    spawnService('detector', b.config, edits)
    const { sent, more } = sender(b)
    for (let wave = 1; wave <= 4; wave++) {
      await more()
      await eventually(`wave ${wave}`, async () => (await progressOf(b)) === sent.records, 90)
    }
    await expectAllOnce(b, sent)
  })
}, 240_000)
