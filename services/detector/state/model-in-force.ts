/** The model that scores: the artefact's place in TiDB's registry, so that a row's version can always be traced to its bytes. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ModelSource } from '../../../models/artefact.ts'
import type { BackendName } from '../../../models/backend.ts'
import { loadScorer } from '../../../models/scorer.ts'
import { type Database, isDuplicate } from '../../shared/database.ts'
import { AssayError } from '../../shared/errors.ts'
import type { Model } from '../score.ts'

const artefacts = ['model.json', 'weights.bin'] as const

/**
 * Loads the model of a folder, and registers its bytes under a version of their own unless they have one. `insist` repeats what needs TiDB; a
 * model that does not fit is an error of whoever chose it.
 */
export async function loadModel(
  database: Database,
  directory: string,
  backend: 'auto' | BackendName,
  warn: (message: string) => void,
  insist: (register: () => Promise<number>) => Promise<number>,
): Promise<Model & { stop(): Promise<void> }> {
  const scorer = await loadScorer(directory, { backend, warn })
  const [manifest, ...bytes] = await Promise.all(['manifest.json', ...artefacts].map((name) => readFile(join(directory, name))))
  const artefact = Buffer.from(JSON.stringify(Object.fromEntries(artefacts.map((name, i) => [name, bytes[i].toString('base64')]))))
  const sha256 = createHash('sha256').update(manifest).update(artefact).digest()
  const register = () =>
    database.transaction(async (tx) => {
      const [known] = await tx.query<{ version: number }>('SELECT version FROM models WHERE sha256 = ?', [sha256])
      if (known) return known.version
      const [{ next }] = await tx.query<{ next: number }>('SELECT COALESCE(MAX(version), 0) + 1 AS next FROM models')
      await tx.execute(
        "INSERT INTO models (version, name, state, manifest, artefact, sha256, created, created_by) VALUES (?, ?, 'champion', ?, ?, ?, ?, 'assay')",
        [
          next,
          String((JSON.parse(manifest.toString()) as { name?: string }).name ?? 'default').slice(0, 64),
          manifest.toString(),
          artefact,
          sha256,
          Date.now(),
        ],
      )
      return next
    })
  // Another detector that starts at this moment may register the same bytes, or take the same number.
  const version = await insist(() =>
    register().catch((error: unknown) => {
      if (!isDuplicate(error)) throw error
      return register()
    }),
  )
  return { scorer, version, stop: async () => scorer.stop() }
}

/** A model of the registry as a source. Throws `model_unknown` when there is no such version. */
export async function registeredModel(database: Database, version: number): Promise<ModelSource> {
  const [row] = await database.query<{ manifest: string; artefact: Buffer }>('SELECT manifest, artefact FROM models WHERE version = ?', [
    version,
  ])
  if (!row) throw new AssayError('model_unknown', `There is no model ${version} in the registry, though decisions name it`)
  const bytes = JSON.parse(row.artefact.toString()) as Record<string, string>
  return {
    name: `version ${version} of the registry`,
    read: async (file) => (file === 'manifest.json' ? Buffer.from(row.manifest) : Buffer.from(bytes[file] ?? '', 'base64')),
  }
}
