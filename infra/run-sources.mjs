// Runs an entry of this repository in this very process. It and all that it imports of the sources become one module first: that takes esbuild a
// tenth of a second, and reading them one by one through a loader takes ten times as long.
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, stop } from 'esbuild'
import { cacheFolder, packedPackages } from './packed-packages.mjs'

/** Where they are imported, Node reads them twice: first to find out what they export. */
const commonJs = /^(kafkajs|mysql2\/promise|ioredis|bullmq|prom-client|pino|fastify|@fastify\/.*|@tensorflow\/tfjs-(core|layers))$/

/** A source looks for files beside itself, not beside the module that it becomes a part of. */
const knowingItsPlace = (path, source) =>
  source
    .replaceAll('import.meta.url', () => JSON.stringify(pathToFileURL(path).href))
    .replaceAll('import.meta.dirname', () => JSON.stringify(dirname(path)))

/** `change` gets the path and the text of each source, and gives the text that runs in its place. */
export async function runSources(entry, args, change = (_path, source) => source) {
  const module = join(cacheFolder(), `${randomUUID()}.mjs`)
  const packed = await packedPackages()
  await build({
    entryPoints: [entry],
    outfile: module,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    // Once it runs, nobody reads it again.
    banner: {
      js: `import { rmSync as removeModule } from 'node:fs'; import { createRequire as requireFrom } from 'node:module'
removeModule(new URL(import.meta.url)); const require = requireFrom(import.meta.url)`,
    },
    logLevel: 'warning',
    plugins: [
      {
        name: 'sources',
        setup: ({ onLoad, onResolve }) => {
          onResolve({ filter: /^(typebox|kysely)/ }, ({ path }) => (path in packed ? { path: packed[path], external: true } : undefined))
          onResolve({ filter: commonJs }, ({ path, kind }) =>
            kind === 'import-statement' ? { path, namespace: 'required' } : { path, external: true },
          )
          onLoad({ filter: /./, namespace: 'required' }, ({ path }) => ({ contents: `module.exports = require('${path}')` }))
          onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
            loader: 'ts',
            contents: knowingItsPlace(path, change(path, await readFile(path, 'utf8'))),
          }))
        },
      },
    ],
  })
  await stop()
  process.setSourceMapsEnabled(true)
  process.argv = [process.argv[0], entry, ...args]
  await import(pathToFileURL(module).href)
}
