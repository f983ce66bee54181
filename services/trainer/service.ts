/** The trainer: has models trained when it is time, when labels have come, when data drift, and when somebody asks. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../shared/config.ts'
import { messageOf } from '../shared/errors.ts'
import { type Bell, createBell } from '../shared/jobs.ts'
import { createBus } from '../shared/kafka/bus.ts'
import { type Service, untilItWorks } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { createDatabase } from '../shared/tidb/database.ts'
import { createOutboxRelay } from '../shared/tidb/outbox.ts'
import { openRuns } from '../shared/tidb/training-runs.ts'
import { askWhatIsDue } from './due.ts'
import { createDriftWatch } from './watch-drift.ts'
import { createWork } from './work.ts'

type Options = {
  /** How often runs are looked for, and how often it is looked whether one is due. */
  sweepMs?: number
  dueMs?: number
  /** How often it is looked whether a bank has a window of days that is over. */
  driftMs?: number
  /** How long a run waits for its bell before the sweep takes it. */
  graceMs?: number
  /** How long after its last heartbeat a trainer counts as dead. */
  deadMs?: number
  /** Where a training keeps its progress. */
  folder?: string
}

/**
 * Makes the trainer. It trains one model at a time, in a process of its own, and holds nothing that is not in TiDB: any trainer goes on
 * where another was killed. Without Redis the sweep takes the runs.
 */
export function createTrainer(config: Config, telemetry: Telemetry, options: Options = {}): Service {
  const { sweepMs = 5000, dueMs = 60_000, driftMs = 3_600_000, graceMs = 15_000, deadMs = 60_000 } = options
  const database = createDatabase(config.sql)
  const { sql, trainerMemory: memory, retrainDays: days, retrainLabels: labels } = config
  const folder = options.folder ?? join(tmpdir(), 'assay-training')
  const work = createWork({ database, telemetry, sql, memory, folder, deadMs })
  const bell: Bell<{ run: string }> = createBell({
    redis: config.redisJobs,
    prefix: config.group,
    name: 'training',
    telemetry,
    answer: ({ run }) => work.take(run),
    concurrency: 1,
  })
  const bus = createBus(config.kafka, { name: 'assay-trainer', telemetry })
  const relay = createOutboxRelay(database, bus, telemetry)
  const drift = createDriftWatch({ database, telemetry, clock: Date.now })
  /** Only alarms need Kafka; they wait in the outbox. */
  let telling: Promise<void> = Promise.resolve()
  const timers: NodeJS.Timeout[] = []
  const looking = new Set<Promise<void>>()
  const problems = new Map<string, string>()
  let stopped = true
  let started = false

  const sweep = async () => {
    const open = await openRuns(database, Date.now() - deadMs)
    for (const { id, attempts } of open) await bell.ring(`${id} ${attempts}`, { run: id }, Date.now()).catch(() => undefined)
    const overdue = open.find(({ since }) => since < Date.now() - graceMs)
    if (overdue && !work.busy()) await work.take(overdue.id)
  }
  const due = () => askWhatIsDue(database, { days, labels }, telemetry)

  /** Looks again and again, never twice at once; what fails is said on /readyz until it works again. */
  const again = (name: string, look: () => Promise<void>, everyMs: number) => {
    let busy = false
    const once = () => {
      if (busy || stopped) return
      busy = true
      const running = look()
        .then(
          () => void problems.delete(name),
          (error: unknown) => {
            problems.set(name, `${name}: ${messageOf(error)}`)
            telemetry.logger.warn({ reason: messageOf(error) }, `${name} did not work; it is tried again`)
          },
        )
        .finally(() => {
          busy = false
          looking.delete(running)
        })
      looking.add(running)
    }
    timers.push(setInterval(once, everyMs))
    once()
  }

  return {
    name: 'trainer',
    async start() {
      if (!stopped) return
      stopped = false
      await untilItWorks(
        'TiDB',
        telemetry,
        () => stopped,
        () => database.ping(),
      )
      if (stopped) return
      await bell.start()
      again('looking for runs', sweep, sweepMs)
      again('looking whether a training is due', due, dueMs)
      again('watching drift', drift.look, driftMs)
      const over = () => stopped
      telling = untilItWorks('Kafka', telemetry, over, () => bus.start())
        .then(() => (stopped ? undefined : relay.start()))
        .catch((error: unknown) => telemetry.logger.warn({ reason: messageOf(error) }, 'nothing was told, since the trainer stops'))
      started = true
    },
    async stop() {
      if (stopped) return
      stopped = true
      started = false
      for (const timer of timers.splice(0)) clearInterval(timer)
      drift.stop()
      await work.stop()
      await Promise.all(looking)
      await telling
      await relay.stop()
      await bus.stop()
      await bell.stop()
      await database.stop()
    },
    health() {
      const found = [...bell.health().problems, ...relay.health().problems, ...problems.values()]
      if (!started) found.push('the trainer is not started, or still waits for TiDB')
      return { ready: found.length === 0, problems: found }
    },
  }
}
