/**
 * Runs of training in TiDB: who asked for one and why, how far it is, and what became of it. A trainer holds a run while its heartbeat is
 * young; whoever takes a dead one over goes on from its checkpoint. Every change names the owner, so that a trainer that was taken for dead
 * changes nothing any more.
 */
import { createHash, randomUUID } from 'node:crypto'
import { AssayError } from '../errors.ts'
import { type Connection, type Database, isDuplicate, type Value } from './database.ts'
import { readTenants } from './settings.ts'

export const triggers = ['schedule', 'labels', 'drift', 'hand'] as const
export type Trigger = (typeof triggers)[number]
export const runStates = ['waiting', 'running', 'failed', 'refused', 'candidate'] as const
export type RunState = (typeof runStates)[number]

export type TrainingRun = {
  id: string
  tenants: string[]
  trigger: Trigger
  /** Who asked for it, `assay` where nobody did. */
  by: string
  reason: string
  /** Transactions from here on are learnt from, by what is known of them when it was asked for. */
  from: number
  state: RunState
  asked: number
  started: number | null
  ended: number | null
  /** How often a trainer has begun with it. */
  attempts: number
  progress: string
  /** Why it failed or was refused: a code for machines, and a text. */
  code: string | null
  outcome: string | null
  figures: Record<string, unknown> | null
  /** The candidate that came of it. */
  model: number | null
}

/** Who runs something, with a name that no other taking of a run has. */
export type Claim = { id: string; owner: string }

const day = 86_400_000
/** A year with all its seasons, and the time until labels are known. */
const historyDays = 400
const ended: readonly RunState[] = ['failed', 'refused', 'candidate']
export const isOver = ({ state }: Pick<TrainingRun, 'state'>): boolean => ended.includes(state)

const setOf = (tenants: readonly string[]): string => createHash('sha256').update(tenants.join(',')).digest('hex').slice(0, 40)

export type Request = {
  trigger: Trigger
  /** What is decided for them is learnt from; all banks unless given. One model decides for all, so leave few out. */
  tenants?: readonly string[] | undefined
  by?: string
  reason: string
  /** Milliseconds since 1970; 400 days before now unless given. */
  from?: number | undefined
}

/**
 * Asks for a run. While one over the same banks waits or runs there is no second one: its id comes back with `asked` false. Throws
 * `tenant_unknown` and `tenants_missing`.
 */
export async function requestTraining(
  database: Database,
  { trigger, tenants, by = 'assay', reason, from }: Request,
): Promise<{ id: string; asked: boolean }> {
  const all = (await readTenants(database)).map((t) => t.tenant)
  const unknown = tenants?.find((name) => !all.includes(name))
  if (unknown !== undefined) throw new AssayError('tenant_unknown', `There is no tenant '${unknown}'`, { status: 404 })
  const banks = [...new Set(tenants ?? all)].sort((a, b) => (a < b ? -1 : 1))
  if (banks.length === 0) throw new AssayError('tenants_missing', 'There is no bank to learn from: npm run assay -- tenants add <name>')
  const [id, set, now] = [randomUUID().replaceAll('-', ''), setOf(banks), Date.now()]
  for (let tries = 0; ; tries++) {
    try {
      await database.execute(
        `INSERT INTO training_runs (id, tenants, tenant_set, going, cause, asked_by, reason, data_from, state, asked, attempts, progress)
         VALUES (?, ?, ?, 1, ?, ?, ?, ?, 'waiting', ?, 0, '')`,
        [id, JSON.stringify(banks), set, trigger, by.slice(0, 64), reason.slice(0, 2000), from ?? now - historyDays * day, now],
      )
      return { id, asked: true }
    } catch (error) {
      if (!isDuplicate(error)) throw error
      const [going] = await database.query<{ id: string }>('SELECT id FROM training_runs WHERE tenant_set = ? AND going = 1', [set])
      // It may have ended in between.
      if (!going && tries < 5) continue
      if (!going) throw error
      return { id: going.id, asked: false }
    }
  }
}

type Row = Omit<TrainingRun, 'tenants' | 'trigger' | 'by' | 'from' | 'figures'> & {
  tenants: string
  cause: Trigger
  asked_by: string
  data_from: number
  figures: string | null
}
const columns =
  'id, tenants, cause, asked_by, reason, data_from, state, asked, started, ended, attempts, progress, code, outcome, figures, model'
const runOf = ({ tenants, cause, asked_by, data_from, figures, ...row }: Row): TrainingRun => ({
  ...row,
  tenants: JSON.parse(tenants) as string[],
  trigger: cause,
  by: asked_by,
  from: data_from,
  figures: figures === null ? null : (JSON.parse(figures) as Record<string, unknown>),
})

/** The newest runs, the newest first. */
export async function readRuns(database: Database, most = 100): Promise<TrainingRun[]> {
  return (await database.query<Row>(`SELECT ${columns} FROM training_runs ORDER BY asked DESC, id LIMIT ?`, [most])).map(runOf)
}

/** One run, or rejects with `run_unknown`. */
export async function readRun(database: Database, id: string): Promise<TrainingRun> {
  const [row] = await database.query<Row>(`SELECT ${columns} FROM training_runs WHERE id = ?`, [id])
  if (!row) throw new AssayError('run_unknown', `There is no training run ${id}; see: npm run model -- runs`, { status: 404 })
  return runOf(row)
}

const takeable = "(state = 'waiting' OR (state = 'running' AND heartbeat < ?))"

/** Runs that wait for a trainer, and those whose trainer was last heard of before `deadBefore`; the oldest first. */
export function openRuns(database: Database, deadBefore: number): Promise<{ id: string; attempts: number; since: number }[]> {
  return database.query(
    `SELECT id, attempts, COALESCE(heartbeat, asked) AS since FROM training_runs WHERE ${takeable} ORDER BY asked LIMIT 20`,
    [deadBefore],
  )
}

/** Takes a run if it may be taken. Resolves to it with the checkpoint from which it goes on, or undefined where another was quicker. */
export async function claimRun(
  database: Database,
  { id, owner }: Claim,
  deadBefore: number,
): Promise<{ run: TrainingRun; checkpoint: Buffer | null } | undefined> {
  const now = Date.now()
  const { affectedRows } = await database.execute(
    `UPDATE training_runs SET state = 'running', owner = ?, attempts = attempts + 1, heartbeat = ?, started = COALESCE(started, ?)
     WHERE id = ? AND ${takeable}`,
    [owner, now, now, id, deadBefore],
  )
  if (affectedRows !== 1) return undefined
  const [row] = await database.query<Row & { checkpoint: Buffer | null }>(`SELECT ${columns}, checkpoint FROM training_runs WHERE id = ?`, [
    id,
  ])
  const { checkpoint, ...rest } = row
  return { run: runOf(rest), checkpoint }
}

const held = "id = ? AND owner = ? AND state = 'running'"

/** Says that the trainer lives, and how far it is. Resolves to false when the run is not its any more. */
export async function heartbeat(
  database: Database,
  { id, owner }: Claim,
  { progress, checkpoint }: { progress: string; checkpoint?: Buffer | undefined },
): Promise<boolean> {
  const values: Value[] = [Date.now(), progress.slice(0, 500), ...(checkpoint ? [checkpoint] : []), id, owner]
  const { affectedRows } = await database.execute(
    `UPDATE training_runs SET heartbeat = ?, progress = ?${checkpoint ? ', checkpoint = ?' : ''} WHERE ${held}`,
    values,
  )
  return affectedRows === 1
}

/** Lets a run wait for the next trainer. One that stops in good order does not count as an attempt; `brokenOff` says what else it was. */
export async function giveBack(database: Database, { id, owner }: Claim, { brokenOff }: { brokenOff?: string }): Promise<void> {
  await database.execute(
    `UPDATE training_runs SET state = 'waiting', owner = NULL, attempts = attempts - ?, progress = COALESCE(?, progress), heartbeat = ?
     WHERE ${held}`,
    [brokenOff === undefined ? 1 : 0, brokenOff?.slice(0, 500) ?? null, Date.now(), id, owner],
  )
}

export type Ending = {
  state: 'failed' | 'refused' | 'candidate'
  code?: string
  outcome: string
  figures?: Record<string, unknown>
  model?: number
}

/** Ends a run. Throws `run_lost` when it is not the trainer's any more, which undoes the transaction around it. */
export async function endRun(connection: Connection, { id, owner }: Claim, ending: Ending): Promise<void> {
  const { state, code = null, outcome, figures, model = null } = ending
  const { affectedRows } = await connection.execute(
    `UPDATE training_runs SET state = ?, code = ?, outcome = ?, figures = ?, model = ?, ended = ?, going = NULL, checkpoint = NULL WHERE ${held}`,
    [state, code, outcome.slice(0, 2000), figures ? JSON.stringify(figures) : null, model, Date.now(), id, owner],
  )
  if (affectedRows !== 1) throw new AssayError('run_lost', `The training run ${id} was taken over by another trainer, or has ended`)
}
