/** `npm run model -- drift`: how far transactions have moved from those that a model was trained on. */
import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { print, withDatabase } from '../../infra/local.ts'
import { table } from '../../infra/table.ts'
import { AssayError } from '../../services/shared/errors.ts'
import { type DriftWindow, readDrift } from '../../services/shared/tidb/drift.ts'
import { registeredModel } from '../../services/shared/tidb/models.ts'
import { readTenants } from '../../services/shared/tidb/settings.ts'
import { comparedModel, driftOfBank } from '../drift/bank.ts'
import { driftOfData } from '../drift/data.ts'
import { calibrationWords, driftPage, driftRows, driftWords } from '../drift/report.ts'
import { columnsOf, followedOf, type Watched } from '../drift/watched.ts'
import { loadScorer } from '../scorer.ts'
import { datasetFrom, type SourceOptions, withSource } from './source.ts'

const levels = ['moving', 'drifting'] as const
type Options = SourceOptions & { model?: string; out?: string; json?: boolean; failOn?: (typeof levels)[number] }

const say = (line: string) => process.stderr.write(`${line}\n`)
/** Features that are printed; the page and the JSON have all. */
const printed = 12
/** Windows that are drawn, one for each day. */
const mostKept = 90
/** What the command ends with where it was asked to fail: 1 is for errors. */
const drifted = 2

const versionIn = (text: string | undefined): number | undefined => (text && /^\d+$/.test(text) ? Number(text) : undefined)

/** Of the windows that were compared with this model, the oldest first. */
const keptOf = (windows: readonly DriftWindow[], version: number, names: readonly string[]): NonNullable<Watched['kept']> =>
  windows
    .filter(({ model }) => model === version)
    .map(({ watched: { to, drift } }) => ({
      to,
      psi: Object.fromEntries(
        columnsOf(drift).flatMap(({ name, psi }) => (psi !== undefined && names.includes(name) ? [[name, psi] as const] : [])),
      ),
    }))
    .reverse()

async function ofBank(name: string, { model: text, at, from, to }: Options): Promise<Watched> {
  const version = versionIn(text)
  if (text !== undefined && version === undefined)
    throw new AssayError(
      'option_invalid',
      `--model is '${text}': of a --tenant it is the number of a model in the registry; import the folder first`,
    )
  return withDatabase(async (database) => {
    const tenant = (await readTenants(database)).find((t) => t.tenant === name)
    if (!tenant) throw new AssayError('tenant_unknown', `There is no tenant '${name}'`)
    const model = await comparedModel(database, version)
    try {
      const watched = await driftOfBank(database, tenant, model, { ...(at && { at }), ...(from && { from }), ...(to && { to }) })
      const kept = keptOf(await readDrift(database, name, mostKept), model.version, followedOf(watched.drift))
      return { ...watched, ...(kept.length > 0 && { kept }) }
    } finally {
      await model.stop()
    }
  })
}

async function ofData(options: Options): Promise<Watched> {
  const { model: text = 'models/default', from, to, ...source } = options
  const version = versionIn(text)
  const scorer =
    version === undefined
      ? await loadScorer(text, { warn: say })
      : await withDatabase(async (database) => loadScorer(await registeredModel(database, version), { warn: say }))
  const data = await datasetFrom(source, say)
  try {
    if (data.featureSet !== scorer.manifest.featureSet)
      throw new AssayError(
        'model_misfit',
        `The model ${text} has other features than this data: take those that serve, without a --profile`,
      )
    return driftOfData(data, scorer, { name: options.file === undefined ? 'simulated bank' : basename(options.file), from, to })
  } finally {
    data.matrix.close()
    scorer.stop()
  }
}

async function run(options: Options): Promise<void> {
  const [tenant, ...others] = options.tenant ?? []
  if (others.length > 0) throw new AssayError('option_invalid', 'One --tenant at a time: banks move apart from one another')
  const watched = tenant === undefined ? await ofData(options) : await ofBank(tenant, options)
  for (const sentence of driftWords(watched)) print(sentence)
  const rows = driftRows(watched, printed)
  if (rows.length > 1) print(`\n${table(rows[0], rows.slice(1))}`)
  print(`\n${calibrationWords(watched)}`)
  if (options.out !== undefined) {
    writeFileSync(options.out, await driftPage(watched))
    say(`written to ${options.out}`)
  }
  if (options.json) print(JSON.stringify(watched))
  const { verdict } = watched.drift
  if (options.failOn && (verdict === 'drifting' || verdict === options.failOn)) process.exitCode = drifted
}

const level = (text: string) => {
  const found = levels.find((name) => name === text)
  if (!found) throw new InvalidArgumentError(`It is one of ${levels.join(' and ')}.`)
  return found
}

export const addDrift = (program: Command): Command =>
  withSource(program.command('drift').description('how far transactions have moved from those that a model was trained on'))
    .option('--model <model>', 'a number in the registry, the champion unless given; of a file or a simulated bank a folder too')
    .option('--fail-on <verdict>', `end with status ${drifted} when the verdict is that, or worse: moving or drifting`, level)
    .option('--out <file>', 'a report as HTML')
    .option('--json', 'print everything as JSON on the last line')
    .addHelpText(
      'after',
      `
The last seven whole days are looked at unless --from and --to say otherwise; give whole weeks, since days differ from one another.

Examples:
  npm run model -- drift --tenant bank-one --out drift.html
  npm run model -- drift --tenant bank-one --model 3 --from 2026-03-02 --to 2026-03-30 --fail-on drifting
  npm run model -- drift --file payments.csv.gz --map map.json --model /tmp/mine --json`,
    )
    .action(run)
