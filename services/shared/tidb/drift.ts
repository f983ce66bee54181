/** How far each bank has moved from what the champion was trained on, window by window, as the trainer finds it. */
import type { Watched } from '../../../models/drift/watched.ts'
import type { Connection, Database } from './database.ts'

export type DriftWindow = {
  from: number
  to: number
  model: number
  verdict: Watched['drift']['verdict']
  /** Names of what is in alarm: what has drifted, until it is stable again. */
  alarm: string[]
  watched: Watched
}

type Row = { window_from: number; window_to: number; model: number; verdict: DriftWindow['verdict']; alarm: string; watched: string }

/** The newest windows of a bank, the newest first. */
export async function readDrift(database: Connection | Database, tenant: string, most = 1): Promise<DriftWindow[]> {
  const rows = await database.query<Row>(
    `SELECT window_from, window_to, model, verdict, alarm, watched FROM drift WHERE tenant = ?
     ORDER BY window_to DESC, computed DESC LIMIT ?`,
    [tenant, most],
  )
  return rows.map(({ window_from, window_to, model, verdict, alarm, watched }) => ({
    from: window_from,
    to: window_to,
    model,
    verdict,
    alarm: JSON.parse(alarm) as string[],
    watched: JSON.parse(watched) as Watched,
  }))
}

/** Keeps a window. Throws a duplicate where it was kept before. */
export async function keepDrift(tx: Connection, tenant: string, { from, to, model, verdict, alarm, watched }: DriftWindow): Promise<void> {
  await tx.execute(
    'INSERT INTO drift (tenant, window_to, model, window_from, verdict, alarm, watched, computed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    [tenant, to, model, from, verdict, JSON.stringify(alarm), JSON.stringify(watched), Date.now()],
  )
}
