/** Retraining: the trainer on real servers, with its process that trains. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { type Manifest, modelFolder } from '../../models/artefact.ts'
import type { Config } from '../../services/shared/config.ts'
import { promote, register } from '../../services/shared/tidb/model-changes.ts'
import { championOf, readHistory, readVersions } from '../../services/shared/tidb/models.ts'
import {
  claimRun,
  endRun,
  heartbeat,
  isOver,
  readRun,
  readRuns,
  requestTraining,
  type TrainingRun,
} from '../../services/shared/tidb/training-runs.ts'
import { createTrainer } from '../../services/trainer/service.ts'
import { type Bank, bank } from '../helpers/bank.ts'
import { writePast } from '../helpers/learnable.ts'
import { blindModel, shiftedModel } from '../helpers/models.ts'
import { ended, spawnService } from '../helpers/process.ts'
import { eventually, testTelemetry } from '../helpers/servers.ts'

const mature = { labels: { maturityDays: 5 } }
const minutes = 120_000

/** Choices by which a small training is enough. */
const quick =
  (more: Record<string, unknown> = {}) =>
  (manifest: Manifest) => {
    manifest.training = { hidden: [8], epochs: 3, batch: 128, rate: 0.01, smoothing: 0.9, validationShare: 0.3, testShare: 0.35, ...more }
  }

/** Choices by which a training of little data takes several heartbeats on any machine. */
const long = (members: number) => quick({ epochs: 10, patience: 10, members, batch: 24 })

async function trainer(config: Config, options: Parameters<typeof createTrainer>[2] = {}) {
  const service = createTrainer(config, testTelemetry(), { sweepMs: 200, dueMs: 200, graceMs: 2000, deadMs: 3000, ...options })
  onTestFinished(() => service.stop())
  await service.start()
  return service
}

const champion = async (b: Bank, folder: Promise<string>) =>
  register(b.database, modelFolder(await folder), { by: 'assay', reason: 'the first' })
const ask = (b: Bank) => requestTraining(b.database, { trigger: 'hand', tenants: [b.name], by: 'ana', reason: 'a wave of takeovers' })
const over = (b: Bank, id: string): Promise<TrainingRun> =>
  eventually(
    'the end of the run',
    async () => {
      const run = await readRun(b.database, id)
      return isOver(run) && run
    },
    110,
  )
const statesOf = async (b: Bank) => (await readVersions(b.database)).map(({ version, state, by }) => `${version} ${state} ${by}`)

/** What the command prints as JSON. */
async function model<T>(b: Bank, ...args: string[]): Promise<T> {
  const env = { ...process.env, ASSAY_DATABASE: b.config.sql.database }
  const { stdout } = await promisify(execFile)(process.execPath, ['infra/bootstrap.mjs', 'models/main.ts', ...args, '--json'], { env })
  return JSON.parse(stdout) as T
}

test(
  'a run that somebody asks for makes a candidate of whoever asked, which somebody else must promote; one that is no better is refused',
  async () => {
    const b = await bank(mature)
    await writePast(b, { transactions: 4000 })
    const one = await champion(b, blindModel(quick()))
    await trainer(b.config)
    const { id, asked } = await ask(b)
    expect([asked, await ask(b)]).toEqual([true, { id, asked: false }])
    const run = await over(b, id)
    expect(run).toMatchObject({ state: 'candidate', code: null, attempts: 1, model: 2, by: 'ana', trigger: 'hand' })
    expect(run.outcome).toMatch(/^average precision \+0\.\d+ \[\+/)
    expect(run.figures).toMatchObject({ champion: { version: one }, differences: { ap: { low: expect.any(Number) } } })
    expect(await statesOf(b)).toEqual(['2 candidate ana', '1 champion assay'])
    expect((await readHistory(b.database, 2))[0].reason).toContain(`training ${id} (hand: a wave of takeovers)`)
    const promotion = { reason: 'better', insteadOf: one, secondPerson: true }
    await expect(promote(b.database, 2, { ...promotion, by: 'ana' })).rejects.toMatchObject({ code: 'second_person_needed' })
    expect(await championOf(b.database)).toBe(one)
    await promote(b.database, 2, { ...promotion, by: 'ben' })
    expect(await championOf(b.database)).toBe(2)
    const again = await model<TrainingRun>(b, 'retrain', '--tenant', b.name, '--by', 'ana', '--reason', 'once more', '--wait')
    expect(again).toMatchObject({ state: 'refused', code: 'not_better', model: null, figures: { champion: { version: 2 } } })
    expect(again.outcome).toContain('average precision is not better beyond its interval')
    expect(await statesOf(b)).toEqual(['2 champion ana', '1 retired assay'])
    expect((await model<TrainingRun[]>(b, 'runs')).map((r) => [r.id, r.state])).toEqual([
      [again.id, 'refused'],
      [id, 'candidate'],
    ])
  },
  2 * minutes,
)

test(
  'a trainer that is killed in the middle leaves nothing half done; another one goes on from its checkpoint, and there is one candidate',
  async () => {
    const b = await bank(mature)
    await writePast(b, { transactions: 4000 })
    await champion(b, blindModel(long(8)))
    const killed = spawnService('trainer', b.config)
    const { id } = await ask(b)
    await eventually(
      'the middle of the training',
      async () => {
        const run = await readRun(b.database, id)
        expect(run).toMatchObject({ ended: null })
        return /^network [2-6] of 8/.test(run.progress)
      },
      100,
    )
    killed.kill('SIGKILL')
    await ended(killed)
    expect(await statesOf(b)).toEqual(['1 champion assay'])
    const [{ size }] = await b.database.query<{ size: number }>('SELECT LENGTH(checkpoint) AS size FROM training_runs')
    expect(size).toBeGreaterThan(1000)
    await trainer(b.config)
    const lines = new Set<string>()
    const run = await eventually(
      'the end of the run',
      async () => {
        const now = await readRun(b.database, id)
        if (now.attempts === 2) lines.add(now.progress)
        return isOver(now) && now
      },
      200,
    )
    expect(run).toMatchObject({ state: 'candidate', attempts: 2, model: 2 })
    expect([...lines].filter((line) => line.startsWith('logistic regression'))).toEqual([])
    expect(await statesOf(b)).toEqual(['2 candidate ana', '1 champion assay'])
  },
  3 * minutes,
)

test(
  'a training that was judged against a champion that is none any more comes to nothing, and says to ask again',
  async () => {
    const b = await bank(mature)
    await writePast(b, { transactions: 4000 })
    const one = await champion(b, blindModel(long(4)))
    const other = await register(b.database, modelFolder(await shiftedModel(1)), { by: 'ana', reason: 'trained elsewhere' })
    await trainer(b.config)
    const { id } = await ask(b)
    await eventually('the training', async () => (await readRun(b.database, id)).progress !== '')
    await promote(b.database, other, { by: 'ben', reason: 'better', insteadOf: one, secondPerson: true })
    expect(await over(b, id)).toMatchObject({ state: 'failed', code: 'champion_changed', model: null })
    expect(await statesOf(b)).toEqual([`${other} champion ana`, `${one} retired assay`])
  },
  minutes,
)

test('a trainer that was taken for dead changes nothing any more, and its candidate is undone with the end of its run', async () => {
  const b = await bank()
  await champion(b, blindModel())
  const { id } = await ask(b)
  const [slow, quicker] = [
    { id, owner: 'slow' },
    { id, owner: 'quicker' },
  ]
  expect((await claimRun(b.database, slow, 0))?.run.attempts).toBe(1)
  expect(await claimRun(b.database, quicker, Date.now() - 60_000)).toBeUndefined()
  expect(await heartbeat(b.database, slow, { progress: 'half', checkpoint: Buffer.from('half') })).toBe(true)
  const taken = await claimRun(b.database, quicker, Date.now() + 1)
  expect([taken?.run.attempts, taken?.run.progress, String(taken?.checkpoint)]).toEqual([2, 'half', 'half'])
  expect(await heartbeat(b.database, slow, { progress: 'more' })).toBe(false)
  const bring = async (claim: typeof slow, folder: string) =>
    register(b.database, modelFolder(folder), { by: 'ana', reason: 'trained' }, (tx, model) =>
      endRun(tx, claim, { state: 'candidate', outcome: 'better', model }),
    )
  const folder = await shiftedModel(1)
  await expect(bring(slow, folder)).rejects.toMatchObject({ code: 'run_lost' })
  expect(await statesOf(b)).toEqual(['1 champion assay'])
  expect(await bring(quicker, folder)).toBe(2)
  await expect(bring(quicker, folder)).rejects.toMatchObject({ code: 'run_lost' })
  expect(await readRun(b.database, id)).toMatchObject({ state: 'candidate', model: 2, outcome: 'better' })
  expect(await ask(b)).toMatchObject({ asked: true })
})

test(
  'no champion, no data, too few frauds, one class and a full disk each end a run with what is wrong, and the champion goes on deciding',
  async () => {
    const b = await bank(mature)
    const folder = mkdtempSync(join(tmpdir(), 'assay-trainer-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    await trainer(b.config, { folder })
    const failure = async ({ id }: { id: string }) => {
      const { state, code, outcome } = await over(b, id)
      return [state, code, outcome]
    }
    const words = (text: RegExp) => expect.stringMatching(text)
    expect(await failure(await ask(b))).toEqual(['failed', 'champion_missing', words(/start a detector/)])
    const one = await champion(b, blindModel(quick()))
    expect(await failure(await ask(b))).toEqual(['failed', 'data_empty', words(/^Nothing of bank-/)])
    await writePast(b, { transactions: 3000, fraudRate: 0.01 })
    expect(await failure(await ask(b))).toEqual([
      'failed',
      'too_few_frauds',
      words(/judged period has \d+ known frauds .* at least 50 are/),
    ])
    await b.database.execute(
      "INSERT INTO labels (tenant, transaction_id, known_at, id, value, source, happened_at, received) SELECT tenant, id, time, CONCAT('all-', id), 'fraud', 'chargeback', time, time FROM transactions",
    )
    expect(await failure(await ask(b))).toEqual(['failed', 'one_class_only', words(/genuine ones are needed too/)])
    await b.database.execute('DELETE FROM labels')
    await b.database.execute('DELETE FROM transactions')
    await writePast(b, { transactions: 4000 })
    // The disk is full wherever the checkpoint is written.
    const asked = await ask(b)
    mkdirSync(join(folder, `${asked.id}-1`), { recursive: true })
    symlinkSync('/dev/full', join(folder, `${asked.id}-1`, 'checkpoint.new'))
    expect(await failure(asked)).toEqual(['failed', 'checkpoint_unwritable', words(/no space left on device/)])
    expect(await statesOf(b)).toEqual([`${one} champion assay`])
  },
  minutes,
)

test('a training that takes more memory than it may is ended, and says what to do', async () => {
  const b = await bank()
  await champion(b, blindModel())
  await trainer({ ...b.config, trainerMemory: 64 })
  expect(await over(b, (await ask(b)).id)).toMatchObject({
    state: 'failed',
    code: 'memory_exceeded',
    outcome: expect.stringMatching(/more than 64 MB: raise ASSAY_TRAINER_MEMORY/),
  })
})

test(
  'a run is asked for when enough labels have come, and when the last one is long ago, once each',
  async () => {
    const b = await bank(mature)
    await champion(b, blindModel(quick()))
    const say = (from: number, to: number) =>
      b.database.execute('INSERT INTO labels (tenant, transaction_id, known_at, id, value, source, happened_at, received) VALUES ?', [
        Array.from({ length: to - from }, (_, i) => [b.name, `t-${i}`, Date.now(), `l-${from + i}`, 'fraud', 'analyst', 1, Date.now()]),
      ] as never)
    const triggers = async () => (await readRuns(b.database)).map(({ trigger, by, tenants }) => [trigger, by, ...tenants])
    const byLabels = await trainer({ ...b.config, retrainDays: 0, retrainLabels: 10 })
    await say(0, 9)
    const looks = () => new Promise((resolve) => setTimeout(resolve, 1000))
    await looks()
    expect(await triggers()).toEqual([])
    await say(9, 10)
    await eventually('a run by labels', async () => (await readRuns(b.database)).some(isOver))
    await looks()
    expect(await triggers()).toEqual([['labels', 'assay', b.name]])
    await byLabels.stop()
    await b.database.execute('UPDATE training_runs SET asked = asked - ?', [29 * 86_400_000])
    const bySchedule = await trainer({ ...b.config, retrainDays: 30, retrainLabels: 0 })
    await looks()
    expect(await triggers()).toHaveLength(1)
    await b.database.execute('UPDATE training_runs SET asked = asked - ?', [86_400_000])
    await eventually('a run by schedule', async () => (await readRuns(b.database)).filter(isOver).length === 2)
    await looks()
    expect((await triggers()).map(([trigger]) => trigger)).toEqual(['schedule', 'labels'])
    await bySchedule.stop()
  },
  minutes,
)
