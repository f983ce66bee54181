/** The sweep: finds in TiDB the steps whose bell Redis has lost, and takes them itself, so that even without Redis nobody waits for long. */
import { messageOf } from '../shared/errors.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import type { Database } from '../shared/tidb/database.ts'
import type { EscalationJob } from './escalate.ts'
import type { Notifier } from './notify.ts'

const most = 200

type Options = {
  database: Database
  answer: (job: EscalationJob) => Promise<void>
  /** Names of the banks; the cases of a disabled one stay as they are. */
  tenants: () => readonly string[]
  notifier: Notifier
  telemetry: Telemetry
  clock: () => number
  everyMs: number
  /** How long after it was due a bell counts as lost. */
  graceMs: number
}

/** Takes every step that is overdue, as its bell would have, and delivers what has not been said. */
export function createSweep(options: Options): { start(): Promise<void>; stop(): Promise<void>; problem(): string | undefined } {
  const { database, answer, telemetry, clock } = options
  let timer: NodeJS.Timeout | undefined
  let sweeping: Promise<void> = Promise.resolve()
  let busy = false
  let problem: string | undefined

  const sweep = async () => {
    options.notifier.nudge()
    const tenants = options.tenants()
    if (tenants.length === 0) return
    const overdue = await database.query<{ tenant: string; id: string; step: number }>(
      "SELECT tenant, id, step FROM cases WHERE state = 'open' AND due_at <= ? AND tenant IN (?) ORDER BY due_at LIMIT ?",
      [clock() - options.graceMs, tenants, most] as never,
    )
    for (const { tenant, id, step } of overdue) await answer({ tenant, caseId: id, step })
  }
  const look = () => {
    if (busy) return
    busy = true
    sweeping = sweep()
      .then(
        () => {
          problem = undefined
        },
        (error: unknown) => {
          problem = `TiDB: ${messageOf(error)}`
          telemetry.logger.warn({ reason: messageOf(error) }, 'the sweep did not work; it is tried again')
        },
      )
      .finally(() => {
        busy = false
      })
  }
  return {
    problem: () => problem,
    async start() {
      timer ??= setInterval(look, options.everyMs)
      look()
    },
    async stop() {
      clearInterval(timer)
      timer = undefined
      await sweeping
    },
  }
}
