// node chaos/break-sources.mjs <entry.ts>: runs a service with the passages of its sources replaced that CHAOS_EDITS names.
// A passage that is not there ends the service: a break that breaks nothing would prove nothing.
import { resolve } from 'node:path'
import { runSources } from '../infra/run-sources.mjs'

const edits = JSON.parse(process.env.CHAOS_EDITS ?? '[]')

await runSources(resolve(process.argv[2]), [], (path, source) =>
  edits
    .filter(({ file }) => path.endsWith(`/${file}`))
    .reduce((text, { file, from, to }) => {
      if (!text.includes(from)) throw new Error(`${file} does not hold the passage that is to be broken: ${from}`)
      return text.replace(from, () => to)
    }, source),
)
