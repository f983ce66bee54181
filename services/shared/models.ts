/**
 * The registry of models in TiDB: every version with its bytes, what state it is in, and who changed that when and why. One is champion:
 * its scores decide. A version that rows name is never deleted.
 */
import { createHash, randomUUID } from 'node:crypto'
import type { ModelSource } from '../../models/artefact.ts'
import { type Connection, type Database, isDuplicate } from './database.ts'
import { AssayError } from './errors.ts'

export const states = ['candidate', 'champion', 'retired'] as const
export type State = (typeof states)[number]

/** What `models` and `show` say of a version. */
export type Version = {
  version: number
  name: string
  state: State
  created: number
  by: string
  sha256: string
  manifest: Record<string, unknown>
}
export type Change = { version: number; at: number; state: State; actor: string; reason: string }
/** Who changes something, and why. */
export type Because = { by: string; reason: string }

const artefacts = ['model.json', 'weights.bin'] as const
type Stored = { manifest: Buffer; artefact: Buffer; sha256: Buffer }

const shaOf = (manifest: Buffer, artefact: Buffer): Buffer => createHash('sha256').update(manifest).update(artefact).digest()

async function stored(source: ModelSource): Promise<Stored> {
  const [manifest, ...bytes] = await Promise.all(['manifest.json', ...artefacts].map((name) => source.read(name)))
  const artefact = Buffer.from(JSON.stringify(Object.fromEntries(artefacts.map((name, i) => [name, bytes[i].toString('base64')]))))
  return { manifest, artefact, sha256: shaOf(manifest, artefact) }
}

/** All versions are locked in order, so that changes come one after the other. */
const lockAll = (tx: Connection): Promise<{ version: number; state: State; created_by: string }[]> =>
  tx.query('SELECT version, state, created_by FROM models ORDER BY version FOR UPDATE')

async function change(tx: Connection, version: number, state: State, { by, reason }: Because): Promise<void> {
  await tx.execute('UPDATE models SET state = ? WHERE version = ?', [state, version])
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
 * it. The caller has seen to it that the model can be loaded.
 */
export async function register(database: Database, source: ModelSource, because: Because): Promise<number> {
  const { manifest, artefact, sha256 } = await stored(source)
  const name = String((JSON.parse(manifest.toString()) as { name?: string }).name ?? 'model').slice(0, 64)
  const once = () =>
    database.transaction(async (tx) => {
      const all = await lockAll(tx)
      const [known] = await tx.query<{ version: number }>('SELECT version FROM models WHERE sha256 = ?', [sha256])
      if (known) return known.version
      const version = (all.at(-1)?.version ?? 0) + 1
      const state = all.some((m) => m.state === 'champion') ? 'candidate' : 'champion'
      await tx.execute(
        'INSERT INTO models (version, name, state, manifest, artefact, sha256, created, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        [version, name, state, manifest.toString(), artefact, sha256, Date.now(), because.by.slice(0, 64)],
      )
      await change(tx, version, state, because)
      return version
    })
  // Another detector that starts at this moment may register the same bytes, or take the same number.
  return once().catch((error: unknown) => {
    if (!isDuplicate(error)) throw error
    return once()
  })
}

type Row = { version: number; name: string; state: State; created: number; created_by: string; sha256: Buffer; manifest: string }
const versionOf = ({ created_by, sha256, manifest, ...row }: Row): Version => ({
  ...row,
  by: created_by,
  sha256: sha256.toString('hex'),
  manifest: JSON.parse(manifest) as Record<string, unknown>,
})
const columns = 'version, name, state, created, created_by, sha256, manifest'

/** All versions, the newest first. */
export async function readVersions(database: Database): Promise<Version[]> {
  return (await database.query<Row>(`SELECT ${columns} FROM models ORDER BY version DESC`)).map(versionOf)
}

/** One version, or rejects with `model_unknown`. */
export async function readVersion(database: Database, version: number): Promise<Version> {
  const [row] = await database.query<Row>(`SELECT ${columns} FROM models WHERE version = ?`, [version])
  if (!row) throw unknownModel(version)
  return versionOf(row)
}

/** What was changed, the newest first; of one version, or of all. */
export function readHistory(database: Database, version?: number): Promise<Change[]> {
  const where = version === undefined ? '' : 'WHERE version = ?'
  return database.query(
    `SELECT version, at, state, actor, reason FROM model_history ${where} ORDER BY at DESC, version DESC`,
    version === undefined ? [] : [version],
  )
}

/** The version that decides, if there is one. */
export async function championOf(database: Connection | Database): Promise<number | undefined> {
  const [row] = await database.query<{ version: number }>("SELECT version FROM models WHERE state = 'champion'")
  return row?.version
}

const unknownModel = (version: number) =>
  new AssayError('model_unknown', `There is no model ${version} in the registry; see: npm run model -- list`, { status: 404 })

/** The bytes of a version. Throws `model_unknown` where there is none, `model_corrupt` where its bytes are not those that were registered. */
export async function registeredModel(database: Database, version: number): Promise<ModelSource> {
  const [row] = await database.query<{ manifest: string; artefact: Buffer; sha256: Buffer }>(
    'SELECT manifest, artefact, sha256 FROM models WHERE version = ?',
    [version],
  )
  if (!row) throw unknownModel(version)
  const manifest = Buffer.from(row.manifest)
  if (!shaOf(manifest, row.artefact).equals(row.sha256))
    throw new AssayError(
      'model_corrupt',
      `The bytes of model ${version} in the registry are not those that were registered; import it anew`,
    )
  const bytes = JSON.parse(row.artefact.toString()) as Record<string, string>
  return {
    name: `version ${version} of the registry`,
    read: async (file) => (file === 'manifest.json' ? manifest : Buffer.from(bytes[file] ?? '', 'base64')),
  }
}

export type Promotion = Because & {
  /** The champion that the person saw; another one by now is an error, so that of two promotions at once one wins. */
  insteadOf: number | undefined
  /** Whether somebody else than who brought the model must promote it. */
  secondPerson: boolean
}

/**
 * Makes a version champion, and retires the one before. Throws `model_unknown`, `champion_already`, `champion_changed` or
 * `second_person_needed`.
 */
export function promote(database: Database, version: number, { by, reason, insteadOf, secondPerson }: Promotion): Promise<void> {
  return database.transaction(async (tx) => {
    const all = await lockAll(tx)
    const wanted = all.find((m) => m.version === version)
    const champion = all.find((m) => m.state === 'champion')
    if (!wanted) throw unknownModel(version)
    if (champion?.version !== insteadOf)
      throw new AssayError(
        'champion_changed',
        `Model ${champion?.version ?? 'none'} is champion by now, not ${insteadOf ?? 'none'}: look again, then promote`,
        {
          status: 409,
        },
      )
    if (wanted.state === 'champion') throw new AssayError('champion_already', `Model ${version} is champion already`, { status: 409 })
    if (secondPerson && wanted.created_by === by)
      throw new AssayError('second_person_needed', `Model ${version} was brought by ${by}: somebody else must promote it`, { status: 403 })
    if (champion) await change(tx, champion.version, 'retired', { by, reason: `model ${version} was promoted: ${reason}` })
    await change(tx, version, 'champion', { by, reason })
  })
}

/** Makes the champion before the present one champion again. Returns it. Throws `champion_before_missing` where there was none. */
export function rollback(database: Database, because: Because): Promise<number> {
  return database.transaction(async (tx) => {
    const champion = (await lockAll(tx)).find((m) => m.state === 'champion')?.version
    const [before] = await tx.query<{ version: number }>(
      "SELECT version FROM model_history WHERE state = 'champion' AND version <> ? ORDER BY at DESC LIMIT 1",
      [champion ?? 0],
    )
    if (!before || champion === undefined)
      throw new AssayError('champion_before_missing', 'No other model was champion before: there is nothing to go back to', { status: 409 })
    await change(tx, champion, 'retired', because)
    await change(tx, before.version, 'champion', because)
    return before.version
  })
}

/** Takes a candidate out of the choice. Throws `champion_in_use` for the champion. */
export function retire(database: Database, version: number, because: Because): Promise<void> {
  return database.transaction(async (tx) => {
    const wanted = (await lockAll(tx)).find((m) => m.version === version)
    if (!wanted) throw unknownModel(version)
    if (wanted.state === 'champion')
      throw new AssayError('champion_in_use', `Model ${version} decides: promote another one, or roll back`, { status: 409 })
    await change(tx, version, 'retired', because)
  })
}
