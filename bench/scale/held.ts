/** Who has which partition, from TiDB. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bank } from '../bank.ts'
import { mustRun } from '../detector.ts'
import { type Held, isShared } from './shares.ts'

/** The partitions of the bank's transactions that were ever claimed. */
export const heldOf = ({ database, tenant }: Bank): Promise<Held[]> =>
  database.query<Held>("SELECT owner, next_offset AS decided FROM progress WHERE tenant = ? AND topic = 'transactions' ORDER BY part", [
    tenant,
  ])

/** Waits until these detectors have shared the partitions out among them; throws after a minute, or when one has ended. */
export async function untilShared(bank: Bank, partitions: number, children: readonly ChildProcess[]): Promise<void> {
  for (const until = Date.now() + 60_000; !isShared(await heldOf(bank), partitions, children.length); await sleep(100)) {
    for (const child of children) mustRun(child)
    if (Date.now() > until) throw new Error(`${children.length} detectors have not shared ${partitions} partitions out after a minute`)
  }
}

/** Waits until so many records of the transactions are recorded; throws after so many seconds. */
export async function untilRecorded(bank: Bank, records: number, seconds: number, children: readonly ChildProcess[]): Promise<void> {
  for (const until = Date.now() + seconds * 1000; ; await sleep(20)) {
    const recorded = (await heldOf(bank)).reduce((sum, { decided }) => sum + decided, 0)
    if (recorded >= records) return
    for (const child of children) mustRun(child)
    if (Date.now() > until) throw new Error(`${recorded} of ${records} records are recorded after ${seconds} s`)
  }
}
