// The loader's side of break-sources.mjs. A passage that is not there ends the service: a break that breaks nothing would prove nothing.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

let edits = []

export function initialize(given) {
  edits = given
}

export async function load(url, context, nextLoad) {
  const wanted = edits.filter(({ file }) => url.split('?')[0].endsWith(`/${file}`))
  if (wanted.length === 0) return nextLoad(url, context)
  let source = await readFile(fileURLToPath(url.split('?')[0]), 'utf8')
  for (const { file, from, to } of wanted) {
    if (!source.includes(from)) throw new Error(`${file} does not hold the passage that is to be broken: ${from}`)
    source = source.replace(from, () => to)
  }
  return { format: 'module', source, shortCircuit: true }
}
