/** A model as one row keeps it, and back: its manifest, its other files as one JSON of base64, and a checksum over both. */
import { createHash } from 'node:crypto'
import type { ModelSource } from '../../../models/parts.ts'
import { AssayError } from '../errors.ts'

export type Packed = { manifest: string; artefact: Buffer; sha256: Buffer }

const files = ['model.json', 'weights.bin'] as const

const shaOf = (manifest: Buffer, artefact: Buffer): Buffer => createHash('sha256').update(manifest).update(artefact).digest()

/** Reads all of a model. */
export async function pack(source: ModelSource): Promise<Packed> {
  const [manifest, ...bytes] = await Promise.all(['manifest.json', ...files].map((name) => source.read(name)))
  const artefact = Buffer.from(JSON.stringify(Object.fromEntries(files.map((name, i) => [name, bytes[i].toString('base64')]))))
  return { manifest: manifest.toString(), artefact, sha256: shaOf(manifest, artefact) }
}

/** The model again. Throws `model_corrupt` where the bytes are not those that were registered. */
export function unpack(version: number, row: Packed): ModelSource {
  const manifest = Buffer.from(row.manifest)
  if (!shaOf(manifest, row.artefact).equals(row.sha256))
    throw new AssayError(
      'model_corrupt',
      `The bytes of model ${version} in the registry are not those that were registered; import it anew`,
      { status: 422 },
    )
  const bytes = JSON.parse(row.artefact.toString()) as Record<string, string>
  return {
    name: `version ${version} of the registry`,
    read: async (file) => (file === 'manifest.json' ? manifest : Buffer.from(bytes[file] ?? '', 'base64')),
  }
}
