/**
 * The registry of models in TiDB: every version with its bytes, what state it is in, and who changed that when and why. One is champion:
 * its scores decide. Up to three in shadow score the same transactions and never act; one canary decides for a share of the customers. A
 * version that rows name is never deleted.
 */
import type { Manifest } from '../../../models/artefact.ts'
import type { ModelSource } from '../../../models/parts.ts'
import { AssayError } from '../errors.ts'
import type { Connection, Database } from './database.ts'
import { type Packed, unpack } from './model-bytes.ts'

export const states = ['candidate', 'shadow', 'canary', 'champion', 'retired'] as const
export type State = (typeof states)[number]

/** What `models` and `show` say of a version. */
export type Version = {
  version: number
  name: string
  state: State
  /** Of the customers for whom a canary decides; null for all others. */
  share: number | null
  /** When it came into the registry, and by whom: somebody else must promote it. */
  created: number
  by: string
  sha256: string
  manifest: Manifest
}
export type Change = { version: number; at: number; state: State; actor: string; reason: string }

type Row = {
  version: number
  name: string
  state: State
  share: number | null
  created: number
  created_by: string
  sha256: Buffer
  manifest: string
}
const versionOf = ({ created_by, sha256, manifest, ...row }: Row): Version => ({
  ...row,
  by: created_by,
  sha256: sha256.toString('hex'),
  manifest: JSON.parse(manifest) as Manifest,
})
const columns = 'version, name, state, share, created, created_by, sha256, manifest'

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

/** The versions that score. */
export const scoringVersions = (database: Connection | Database): Promise<{ version: number; state: State; share: number | null }[]> =>
  database.query("SELECT version, state, share FROM models WHERE state IN ('champion', 'canary', 'shadow') ORDER BY version")

/** The error for a version that is not in the registry. */
export const unknownModel = (version: number) =>
  new AssayError('model_unknown', `There is no model ${version} in the registry; see: npm run model -- list`, { status: 404 })
/** The bytes of a version. Throws `model_unknown` where there is none, `model_corrupt` where its bytes are not those that were registered. */
export async function registeredModel(database: Database, version: number): Promise<ModelSource> {
  const [row] = await database.query<Packed>('SELECT manifest, artefact, sha256 FROM models WHERE version = ?', [version])
  if (!row) throw unknownModel(version)
  return unpack(version, row)
}
