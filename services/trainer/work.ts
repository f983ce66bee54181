/** Work on runs, one at a time: takes one, has it trained, says that it lives, and ends it together with the candidate that came of it. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { modelFolder } from '../../models/artefact.ts'
import type { SqlAddress } from '../shared/config.ts'
import { AssayError, messageOf } from '../shared/errors.ts'
import { untilItWorks } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import type { Database } from '../shared/tidb/database.ts'
import { register } from '../shared/tidb/model-changes.ts'
import { championOf } from '../shared/tidb/models.ts'
import { type Claim, claimRun, type Ending, endRun, giveBack, heartbeat, type TrainingRun } from '../shared/tidb/training-runs.ts'
import { type Outcome, spawnTraining, type Training } from './spawn-training.ts'

type Deps = {
  database: Database
  telemetry: Telemetry
  /** For the process that trains. */
  sql: SqlAddress
  /** MB that a training may take. */
  memory: number
  folder: string
  deadMs: number
}

export type Work = {
  /** Takes a run if it can be taken and nothing else is in hand; resolves when it is over, or given back. */
  take(id: string): Promise<void>
  busy(): boolean
  /** Gives back what is in hand. */
  stop(): Promise<void>
}

/** A run that ends without a result so often would go on doing so. */
const mostAttempts = 5
/** TiDB takes no row of more than 6 MB; a bigger checkpoint serves this machine alone. */
const mostCheckpoint = 5 * 2 ** 20

const failed = (code: string, outcome: string): Ending => ({ state: 'failed', code, outcome })

/** A folder for one attempt, with the progress of those before it. */
function prepareFolder(root: string, { id, attempts }: TrainingRun, checkpoint: Buffer | null): string {
  const folder = join(root, `${id}-${attempts}`)
  mkdirSync(folder, { recursive: true })
  if (checkpoint) writeFileSync(join(folder, 'checkpoint'), checkpoint)
  for (let before = 1; before < attempts; before++) rmSync(join(root, `${id}-${before}`), { recursive: true, force: true })
  return folder
}

/** Reads the checkpoint whenever there is a newer one. */
function newerCheckpoint(folder: string): () => Buffer | undefined {
  const path = join(folder, 'checkpoint')
  const timeOf = () => statSync(path, { throwIfNoEntry: false })?.mtimeMs
  let seen = timeOf()
  return () => {
    const time = timeOf()
    if (time === undefined || time === seen) return undefined
    seen = time
    const bytes = readFileSync(path)
    return bytes.length > mostCheckpoint ? undefined : bytes
  }
}

export function createWork({ database, telemetry, sql, memory, folder: root, deadMs }: Deps): Work {
  const ends = telemetry.counter('assay_trainer_runs_total', 'Trainings that ended, by what started them and what came of them', [
    'trigger',
    'state',
  ])
  const training = telemetry.gauge('assay_trainer_training', 'Whether a training runs')
  let current: { training: Training | undefined; over: Promise<void> } | undefined
  let stopped = false

  /** Says every two seconds that the run is alive, and how far it is; a run that is not ours any more is left. Returns what ends it. */
  const beat = (claim: Claim, folder: string, child: Training, progress: () => string): (() => Promise<void>) => {
    const checkpoint = newerCheckpoint(folder)
    let last: Promise<void> = Promise.resolve()
    let busy = false
    const once = async () => {
      try {
        if (!(await heartbeat(database, claim, { progress: progress(), checkpoint: checkpoint() }))) child.kill()
      } catch (error) {
        telemetry.logger.warn({ run: claim.id, reason: messageOf(error) }, 'the heartbeat of a training did not reach TiDB')
      } finally {
        busy = false
      }
    }
    const timer = setInterval(
      () => {
        if (busy) return
        busy = true
        last = once()
      },
      Math.min(2000, deadMs / 3),
    )
    return async () => {
      clearInterval(timer)
      await last
    }
  }

  /** Ends a run, again and again while TiDB is away. */
  const end = async (claim: Claim, run: TrainingRun, ending: Ending, write?: (ending: Ending) => Promise<void>): Promise<void> => {
    const attempt = () =>
      (write ?? ((given) => endRun(database, claim, given)))(ending).catch((error: unknown) => {
        if (error instanceof AssayError) return error
        throw error
      })
    const refused = await untilItWorks('TiDB', telemetry, () => stopped, attempt)
    if (refused?.code === 'champion_changed') return end(claim, run, failed(refused.code, refused.message))
    if (refused) return telemetry.logger.warn({ run: run.id, reason: refused.message }, 'a training came to nothing')
    ends.inc({ trigger: run.trigger, state: ending.state })
    telemetry.logger.info({ run: run.id, ...ending, figures: undefined }, 'a training ended')
  }

  /** The version and the run's end are one transaction: there is never the one without the other. */
  const offer =
    (claim: Claim, run: TrainingRun, champion: number, folder: string) =>
    async (ending: Ending): Promise<void> => {
      const because = { by: run.by, reason: `training ${run.id} (${run.trigger}: ${run.reason}): ${ending.outcome}` }
      await register(database, modelFolder(join(folder, 'model')), because, async (tx, model) => {
        const now = await championOf(tx)
        if (now !== champion)
          throw new AssayError(
            'champion_changed',
            `Model ${now} became champion while this training was judged against model ${champion}: ask for a training again`,
          )
        await endRun(tx, claim, { ...ending, model })
      })
    }

  const conclude = async (claim: Claim, run: TrainingRun, champion: number, folder: string, outcome: Outcome): Promise<void> => {
    if (outcome.state === 'lost') {
      telemetry.logger.warn({ run: run.id, stopped, reason: outcome.words }, 'a training was broken off; it goes on from its checkpoint')
      await giveBack(database, claim, stopped ? {} : { brokenOff: outcome.words })
    } else if (outcome.state === 'failed') await end(claim, run, failed(outcome.code, outcome.words))
    else {
      const { state, words, figures } = outcome
      const ending = { state, outcome: words, figures, ...(state === 'refused' && { code: 'not_better' }) }
      await end(claim, run, ending, state === 'candidate' ? offer(claim, run, champion, folder) : undefined)
    }
  }

  const work = async (id: string): Promise<void> => {
    const claim = { id, owner: `${hostname().slice(0, 50)}:${process.pid}:${randomUUID().slice(0, 23)}` }
    const claimed = await claimRun(database, claim, Date.now() - deadMs)
    if (!claimed) return
    const { run, checkpoint } = claimed
    if (run.attempts > mostAttempts)
      return end(
        claim,
        run,
        failed('training_died', `The training was broken off ${mostAttempts} times without a result, the last time at: ${run.progress}`),
      )
    const champion = await championOf(database)
    if (champion === undefined)
      return end(claim, run, failed('champion_missing', 'No model decides yet, so there is none to be better than: start a detector first'))
    telemetry.logger.info({ run: id, tenants: run.tenants, trigger: run.trigger, attempt: run.attempts }, 'a training begins')
    let folder: string
    try {
      folder = prepareFolder(root, run, checkpoint)
    } catch (error) {
      return end(claim, run, failed('folder_unwritable', `The training cannot keep its progress in ${root}: ${messageOf(error)}`))
    }
    let progress = run.progress
    const { tenants, from, asked: at, by } = run
    const child = spawnTraining({ sql, order: { tenants, from, at, by, champion, folder, memory } }, (line) => {
      progress = line
    })
    if (current) current.training = child
    if (stopped) child.kill()
    const silence = beat(claim, folder, child, () => progress)
    try {
      const outcome = await child.done
      await conclude(claim, run, champion, folder, outcome)
    } finally {
      await silence()
      rmSync(folder, { recursive: true, force: true })
    }
  }

  return {
    busy: () => current !== undefined,
    async take(id) {
      if (current || stopped) return
      training.set(1)
      const over = work(id).finally(() => {
        training.set(0)
        current = undefined
      })
      current = { training: undefined, over }
      await over
    },
    async stop() {
      stopped = true
      current?.training?.kill()
      await current?.over.catch(() => undefined)
    },
  }
}
