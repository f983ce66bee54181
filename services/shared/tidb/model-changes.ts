/** How the registry changes: each change is one transaction that holds all versions, and is kept in `model_history` with who made it and why. */
import { randomUUID } from 'node:crypto'
import type { ModelSource } from '../../../models/parts.ts'
import { AssayError } from '../errors.ts'
import { type Connection, type Database, isDuplicate } from './database.ts'
import { pack } from './model-bytes.ts'
import { type State, unknownModel } from './models.ts'

/** As many as a row has room for. */
export const mostInShadow = 3

/** Who changes something, and why. */
export type Because = { by: string; reason: string }

/**
 * All versions are locked in order, so that changes come one after the other. They are read when the locks are held: the stack's TiDB now and then
 * gives what was there before another one's COMMIT to whoever has waited for it.
 */
const lockAll = async (tx: Connection): Promise<{ version: number; state: State; created_by: string }[]> => {
  await tx.query('SELECT version FROM models ORDER BY version FOR UPDATE')
  return tx.query('SELECT version, state, created_by FROM models ORDER BY version FOR UPDATE')
}

async function change(tx: Connection, version: number, state: State, { by, reason }: Because, share: number | null = null): Promise<void> {
  await tx.execute('UPDATE models SET state = ?, share = ? WHERE version = ?', [state, share, version])
  await tx.execute('INSERT INTO model_history (version, id, at, state, actor, reason) VALUES (?, ?, ?, ?, ?, ?)', [
    version,
    randomUUID().replaceAll('-', ''),
    Date.now(),
    state,
    by.slice(0, 64),
    reason.slice(0, 2000),
  ])
}

/**
 * Takes a model in as a candidate, or as champion where there is none yet. The same bytes have one version, whoever brings them. Returns
 * it. The caller has seen to it that the model can be loaded. `along` runs in the same transaction, so that what it writes is there
 * exactly when the version is; what it throws undoes both.
 */
export async function register(
  database: Database,
  source: ModelSource,
  because: Because,
  along: (tx: Connection, version: number) => Promise<void> = async () => undefined,
): Promise<number> {
  const { manifest, artefact, sha256 } = await pack(source)
  const name = String((JSON.parse(manifest) as { name?: string }).name ?? 'model').slice(0, 64)
  const once = () =>
    database.transaction(async (tx) => {
      const all = await lockAll(tx)
      const [known] = await tx.query<{ version: number }>('SELECT version FROM models WHERE sha256 = ?', [sha256])
      if (known) {
        await along(tx, known.version)
        return known.version
      }
      const version = (all.at(-1)?.version ?? 0) + 1
      const state = all.some((m) => m.state === 'champion') ? 'candidate' : 'champion'
      await tx.execute(
        'INSERT INTO models (version, name, state, manifest, artefact, sha256, created, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        [version, name, state, manifest, artefact, sha256, Date.now(), because.by.slice(0, 64)],
      )
      await change(tx, version, state, because)
      await along(tx, version)
      return version
    })
  // Another detector that starts at this moment may register the same bytes, or take the same number.
  return once().catch((error: unknown) => {
    if (!isDuplicate(error)) throw error
    return once()
  })
}

const conflict = (code: string, text: string, status = 409) => new AssayError(code, text, { status })

const championChanged = (champion: number | undefined, thought: number | undefined) =>
  conflict('champion_changed', `Model ${champion ?? 'none'} is champion by now, not ${thought ?? 'none'}: look again first`)

/** Whether somebody else than who brought the model must let it act. */
type Acting = Because & { secondPerson: boolean }
export type Promotion = Acting & {
  /** The champion that the person saw; another one by now is an error, so that of two promotions at once one wins. */
  insteadOf: number | undefined
}

type Known = Awaited<ReturnType<typeof lockAll>>

/** The version among all, or throws `model_unknown`. */
function known(all: Known, version: number): Known[number] {
  const wanted = all.find((m) => m.version === version)
  if (!wanted) throw unknownModel(version)
  return wanted
}

/** A version that does not decide yet, or throws `champion_in_use`. */
function challenger(all: Known, version: number): Known[number] {
  const wanted = known(all, version)
  if (wanted.state === 'champion') throw conflict('champion_in_use', `Model ${version} decides: promote another one, or roll back`)
  return wanted
}

function checkPerson(wanted: Known[number], { by, secondPerson }: Acting, what: string): void {
  if (secondPerson && wanted.created_by === by)
    throw conflict('second_person_needed', `Model ${wanted.version} was brought by ${by}: somebody else must ${what}`, 403)
}

/**
 * Makes a version champion, and retires the one before. Throws `model_unknown`, `champion_already`, `champion_changed` or
 * `second_person_needed`.
 */
export function promote(database: Database, version: number, { insteadOf, ...acting }: Promotion): Promise<void> {
  const { by, reason } = acting
  return database.transaction(async (tx) => {
    const all = await lockAll(tx)
    const wanted = known(all, version)
    const champion = all.find((m) => m.state === 'champion')
    if (champion?.version !== insteadOf) throw championChanged(champion?.version, insteadOf)
    if (wanted.state === 'champion') throw conflict('champion_already', `Model ${version} is champion already`)
    checkPerson(wanted, acting, 'promote it')
    if (champion) await change(tx, champion.version, 'retired', { by, reason: `model ${version} was promoted: ${reason}` })
    await change(tx, version, 'champion', { by, reason })
  })
}

/** Lets a version score beside the champion without acting. Throws `model_unknown`, `champion_in_use`, `shadow_already` or `shadow_full`. */
export function shadow(database: Database, version: number, because: Because): Promise<void> {
  return database.transaction(async (tx) => {
    const all = await lockAll(tx)
    if (challenger(all, version).state === 'shadow') throw conflict('shadow_already', `Model ${version} is in shadow already`)
    const there = all.filter((m) => m.state === 'shadow').map((m) => m.version)
    if (there.length >= mostInShadow)
      throw conflict('shadow_full', `Models ${there.join(', ')} are in shadow, which is all there is room for: withdraw one of them`)
    await change(tx, version, 'shadow', because)
  })
}

/**
 * Lets a version decide for a share of the customers; that of one which does already may be changed. Throws `share_invalid`,
 * `model_unknown`, `champion_in_use`, `canary_taken` or `second_person_needed`.
 */
export async function canary(database: Database, version: number, share: number, acting: Acting): Promise<void> {
  if (!(share > 0 && share <= 0.5)) throw conflict('share_invalid', `${share} is not a share of the customers above 0, at most 0.5`, 400)
  return database.transaction(async (tx) => {
    const all = await lockAll(tx)
    const wanted = challenger(all, version)
    const other = all.find((m) => m.state === 'canary' && m !== wanted)
    if (other) throw conflict('canary_taken', `Model ${other.version} is canary, and there is one at a time: withdraw it first`)
    checkPerson(wanted, acting, 'let it decide')
    await change(tx, version, 'canary', acting, share)
  })
}

/** Takes a version out of shadow or canary, or one of them alone; it is a candidate again. Throws `model_unknown` or `no_challenger`. */
export function withdraw(database: Database, version: number, because: Because, from: State[] = ['shadow', 'canary']): Promise<void> {
  return database.transaction(async (tx) => {
    const { state } = known(await lockAll(tx), version)
    if (!from.includes(state))
      throw conflict('no_challenger', `Model ${version} is ${state}, not ${from.join(' or ')}: nothing to withdraw`)
    await change(tx, version, 'candidate', because)
  })
}

/**
 * Makes the champion before the present one champion again. Returns it. Throws `champion_before_missing` where there was none, and
 * `champion_changed` where the champion is not `insteadOf`: two people who roll the same model back must not bring it back.
 */
export function rollback(database: Database, because: Because & { insteadOf?: number }): Promise<number> {
  return database.transaction(async (tx) => {
    const champion = (await lockAll(tx)).find((m) => m.state === 'champion')?.version
    if (because.insteadOf !== undefined && champion !== because.insteadOf) throw championChanged(champion, because.insteadOf)
    const [before] = await tx.query<{ version: number }>(
      "SELECT version FROM model_history WHERE state = 'champion' AND version <> ? ORDER BY at DESC LIMIT 1",
      [champion ?? 0],
    )
    if (!before || champion === undefined)
      throw conflict('champion_before_missing', 'No other model was champion before: there is nothing to go back to')
    await change(tx, champion, 'retired', because)
    await change(tx, before.version, 'champion', because)
    return before.version
  })
}

/** Takes a version out of the choice. Throws `model_unknown`, or `champion_in_use` for the champion. */
export function retire(database: Database, version: number, because: Because): Promise<void> {
  return database.transaction(async (tx) => {
    challenger(await lockAll(tx), version)
    await change(tx, version, 'retired', because)
  })
}
