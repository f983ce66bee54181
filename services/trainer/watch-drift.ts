/** Watches whether what banks send is still what the champion was trained on: the last seven whole days of each bank, once a day. */
import { alarmAfter } from '../../models/drift/alarm.ts'
import { type Compared, comparedModel, driftOfBank } from '../../models/drift/bank.ts'
import { wholeDaysBefore } from '../../models/drift/days.ts'
import { columnsOf, type Watched } from '../../models/drift/watched.ts'
import { messageOf } from '../shared/errors.ts'
import { type Control, innerTopics, topics } from '../shared/events.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { type Database, isDuplicate } from '../shared/tidb/database.ts'
import { type DriftWindow, keepDrift, readDrift } from '../shared/tidb/drift.ts'
import { championOf } from '../shared/tidb/models.ts'
import { putIntoOutbox } from '../shared/tidb/outbox.ts'
import { readTenants, type Tenant } from '../shared/tidb/settings.ts'
import { requestTraining } from '../shared/tidb/training-runs.ts'
import { createDriftMeters } from './drift-meters.ts'

/** What came in before midnight is decided by then. */
const grace = 3_600_000

export type DriftWatch = {
  /** Looks at the windows that are over and were not looked at. */
  look(): Promise<void>
  stop(): void
}

type Options = { database: Database; telemetry: Telemetry; clock: () => number }

/** What has drifted, as it is told on `control`. */
function controlOf(tenant: string, { model, alarm, watched }: DriftWindow, state: 'alarm' | 'over', now: number): Control {
  const psi = new Map(columnsOf(watched.drift).map((column) => [column.name, column.psi ?? 0]))
  const columns = alarm.map((name) => ({ name, psi: psi.get(name) ?? 0 }))
  const { from, to } = watched
  return { kind: 'drift', tenant, version: model, at: new Date(now).toISOString(), drift: { state, from, to, columns } }
}

/** Makes the watch. What it finds is kept in `drift`; an alarm goes into the outbox in the same transaction, so that of several trainers one tells it. */
export function createDriftWatch({ database, telemetry, clock }: Options): DriftWatch {
  const meters = createDriftMeters(telemetry)
  const ending = new AbortController()

  /** One model decides for all banks of a currency, and learns from all of them. */
  const retrain = (bank: Tenant, banks: readonly Tenant[], names: readonly string[]) =>
    requestTraining(database, {
      trigger: 'drift',
      tenants: banks.filter((b) => b.settings.baseCurrency === bank.settings.baseCurrency).map((b) => b.tenant),
      reason: `${bank.tenant} has drifted: ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`,
    })

  const keep = async (bank: Tenant, banks: readonly Tenant[], before: DriftWindow | undefined, watched: Watched, model: number) => {
    const { tenant, settings } = bank
    const { names, told } = alarmAfter(before?.alarm ?? [], watched.drift)
    const [from, to] = [Date.parse(watched.from), Date.parse(watched.to)]
    const window: DriftWindow = { from, to, model, verdict: watched.drift.verdict, alarm: names, watched }
    // First, since a training that is asked for twice is one, and a window that is kept is not looked at again.
    if (told === 'alarm' && settings.drift.retrain) await retrain(bank, banks, names)
    await database.transaction(async (tx) => {
      await keepDrift(tx, tenant, window)
      if (!told) return
      const event = controlOf(tenant, window, told, clock())
      await putIntoOutbox(tx, [{ topic: innerTopics.control, key: topics.control.key(event), value: JSON.stringify(event) }])
    })
    if (told === 'over') telemetry.logger.info({ tenant, model }, 'nothing drifts any more')
    if (told === 'alarm')
      telemetry.logger.warn({ tenant, model, columns: names }, `what ${tenant} sends has drifted from what model ${model} was trained on`)
    return window
  }

  const lookAt = async (bank: Tenant, banks: readonly Tenant[], model: Compared) => {
    const [before] = await readDrift(database, bank.tenant)
    const now = clock()
    const { to } = wholeDaysBefore(now - grace, bank.settings.zone)
    if (before && before.to >= to && before.model === model.version) return meters.show(bank.tenant, before)
    try {
      const watched = await driftOfBank(database, bank, model, { at: now, to, signal: ending.signal })
      meters.show(bank.tenant, await keep(bank, banks, before, watched, model.version))
    } catch (error) {
      // Another trainer was quicker: its window is shown the next time.
      if (!isDuplicate(error)) throw error
    }
  }

  return {
    async look() {
      if ((await championOf(database)) === undefined) return
      const model = await comparedModel(database)
      let first: unknown
      try {
        const banks = await readTenants(database)
        for (const bank of banks) {
          if (ending.signal.aborted) return
          await lookAt(bank, banks, model).catch((error: unknown) => {
            if (ending.signal.aborted) return
            // One bank's trouble is not the others'.
            telemetry.logger.warn({ tenant: bank.tenant, reason: messageOf(error) }, 'drift could not be told; it is tried again')
            first ??= error
          })
        }
      } finally {
        await model.stop()
      }
      if (first !== undefined) throw first
    },
    stop: () => ending.abort(),
  }
}
