/** Models as files: a version out of the registry, and another one into it. */
import type { FastifyInstance } from 'fastify'
import type Type from 'typebox'
import type { Manifest } from '../../../models/artefact.ts'
import type { BackendName } from '../../../models/backend.ts'
import { cardFiles } from '../../../models/card.ts'
import { files, type ModelSource } from '../../../models/parts.ts'
import { mustBeUsable } from '../../../models/usable.ts'
import { AssayError } from '../../shared/errors.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { register } from '../../shared/tidb/model-changes.ts'
import { readVersion, registeredModel } from '../../shared/tidb/models.ts'
import { mustSeeModels, mustTendModels } from '../access.ts'
import { Place, Why } from '../models/requests.ts'
import { pack, unpack } from '../models/tar.ts'

/** Bytes; the shipped model has half a million. */
const mostBytes = 16 * 1024 * 1024

function sourceOf(archive: Buffer): ModelSource {
  const found = unpack(archive)
  return {
    name: 'what was sent',
    read: async (file) => {
      const bytes = found.get(file)
      if (!bytes) throw new AssayError('model_corrupt', `There is no ${file} in what was sent: send what export gave`, { status: 422 })
      return bytes
    },
  }
}

/** GET /api/models/:version/export and POST /api/models/import. Both speak tar. */
export function modelFileRoutes(database: Database, backend: 'auto' | BackendName) {
  return async function routes(app: FastifyInstance): Promise<void> {
    app.addContentTypeParser('application/x-tar', { parseAs: 'buffer', bodyLimit: mostBytes }, (_request, body, done) => done(null, body))

    app.get<{ Params: Place }>('/api/models/:version/export', { schema: { params: Place } }, async ({ user, params }, reply) => {
      mustSeeModels(user)
      const source = await registeredModel(database, Number(params.version))
      const content = new Map<string, Buffer>()
      for (const file of ['manifest.json', ...files]) content.set(file, await source.read(file))
      const manifest = JSON.parse(String(content.get('manifest.json'))) as Manifest
      for (const [file, text] of await cardFiles(manifest)) content.set(file, Buffer.from(text))
      reply.header('content-disposition', `attachment; filename="model-${params.version}.tar"`)
      return reply.type('application/x-tar').send(pack(content))
    })

    app.post<{ Querystring: Type.Static<typeof Why>; Body: Buffer }>(
      '/api/models/import',
      { schema: { querystring: Why }, bodyLimit: mostBytes },
      async ({ user, query, body, log }, reply) => {
        mustTendModels(user)
        if (!Buffer.isBuffer(body)) throw new AssayError('tar_expected', 'Send a tar as application/x-tar', { status: 415 })
        const source = sourceOf(body)
        await mustBeUsable(source, backend)
        const version = await register(database, source, { by: user.name, reason: query.reason })
        const { state } = await readVersion(database, version)
        log.info({ version, user: user.name }, 'took a model in')
        return reply.code(201).send({ version, state })
      },
    )
  }
}
