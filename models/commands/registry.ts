/** `npm run model -- list | show | import | export | promote | shadow | canary | withdraw | rollback | retire`: the registry of models. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { print, withDatabase } from '../../infra/local.ts'
import { table } from '../../infra/table.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { canary, promote, register, retire, rollback, shadow, withdraw } from '../../services/shared/tidb/model-changes.ts'
import { championOf, readHistory, readVersion, readVersions, registeredModel, type Version } from '../../services/shared/tidb/models.ts'
import { type Manifest, modelFolder } from '../artefact.ts'
import { cardOf, writeCard } from '../card.ts'
import { files } from '../parts.ts'
import { mustBeUsable } from '../usable.ts'
import { addCompare } from './compare.ts'
import { versionOf } from './versions.ts'

type Because = { by: string; reason: string }
type Json = { json?: boolean }

const say = (time: number) => new Date(time).toISOString().slice(0, 16).replace('T', ' ')

const stateOf = ({ state, share }: Version) => (share === null ? state : `${state} of ${Number((share * 100).toFixed(2))} %`)

const withReason = (command: Command): Command =>
  command.option('--by <person>', 'who does it', userInfo().username).requiredOption('--reason <text>', 'why; it is kept')

async function list({ json }: Json): Promise<void> {
  await withDatabase(async (database) => {
    const versions = await readVersions(database)
    if (json) return print(JSON.stringify(versions))
    if (versions.length === 0)
      return print('There is no model yet: the first detector to start brings the one that ships, or: npm run model -- import <folder>')
    const rows = versions.map((v) => {
      const { network } = v.manifest.figures
      return [String(v.version), v.name, stateOf(v), say(v.created), v.by, String(network.auc), String(network.ap), String(network.ece)]
    })
    print(table(['version', 'name', 'state', 'since (UTC)', 'by', 'AUC', 'AP', 'ECE'], rows))
  })
}

async function show(text: string, { json }: Json): Promise<void> {
  await withDatabase(async (database) => {
    const version = await readVersion(database, versionOf(text))
    const history = await readHistory(database, version.version)
    if (json) return print(JSON.stringify({ ...version, history }))
    print(`Model ${version.version}, ${version.name}: ${stateOf(version)}\nsha256 ${version.sha256}\n`)
    print(
      table(
        ['when (UTC)', 'state', 'who', 'why'],
        history.map((h) => [say(h.at), h.state, h.actor, h.reason]),
      ),
    )
    print(`\n${cardOf(version.manifest)}`)
  })
}

async function bring(folder: string, because: Because & Json): Promise<void> {
  await mustBeUsable(folder, 'wasm')
  await withDatabase(async (database) => {
    const version = await register(database, modelFolder(folder), because)
    const { state } = await readVersion(database, version)
    print(because.json ? JSON.stringify({ version, state }) : `Model ${version} is ${state}.`)
  })
}

async function take(text: string, folder: string): Promise<void> {
  await withDatabase(async (database) => {
    const source = await registeredModel(database, versionOf(text))
    mkdirSync(folder, { recursive: true })
    // The manifest last, so that a folder with one is whole.
    for (const name of [...files, 'manifest.json']) writeFileSync(join(folder, name), await source.read(name))
    await writeCard(folder, JSON.parse((await source.read('manifest.json')).toString()) as Manifest)
    print(`Model ${text} is in ${folder}.`)
  })
}

/** What this version cannot load, a detector could not either. */
async function tryOut(database: Database, version: number): Promise<void> {
  await mustBeUsable(await registeredModel(database, version), 'wasm')
}

async function makeChampion(text: string, { by, reason, alone, json }: Because & Json & { alone?: boolean }): Promise<void> {
  await withDatabase(async (database) => {
    const version = versionOf(text)
    const before = await championOf(database)
    // What a detector could not load must not become champion.
    await tryOut(database, version)
    await promote(database, version, { by, reason, insteadOf: before, secondPerson: alone !== true })
    print(
      json
        ? JSON.stringify({ version, before })
        : `Model ${version} is champion instead of ${before ?? 'none'}; detectors take it within 5 seconds.`,
    )
  })
}

async function goBack(because: Because & Json): Promise<void> {
  await withDatabase(async (database) => {
    const version = await rollback(database, because)
    print(because.json ? JSON.stringify({ version }) : `Model ${version} is champion again; detectors take it within 5 seconds.`)
  })
}

async function putInShadow(text: string, because: Because & Json): Promise<void> {
  await withDatabase(async (database) => {
    const version = versionOf(text)
    await tryOut(database, version)
    await shadow(database, version, because)
    print(
      because.json
        ? JSON.stringify({ version })
        : `Model ${version} is in shadow: it scores beside the champion within 5 seconds, and never acts.`,
    )
  })
}

async function makeCanary(
  text: string,
  { by, reason, share, alone, json }: Because & Json & { share: string; alone?: boolean },
): Promise<void> {
  await withDatabase(async (database) => {
    const version = versionOf(text)
    await tryOut(database, version)
    await canary(database, version, Number(share), { by, reason, secondPerson: alone !== true })
    print(
      json
        ? JSON.stringify({ version, share: Number(share) })
        : `Model ${version} decides for ${Number(share) * 100} % of the customers within 5 seconds; guards withdraw it when it goes astray.`,
    )
  })
}

async function takeBack(text: string, because: Because & Json): Promise<void> {
  await withDatabase((database) => withdraw(database, versionOf(text), because))
  print(because.json ? JSON.stringify({ version: versionOf(text) }) : `Model ${text} is a candidate again.`)
}

async function putAway(text: string, because: Because): Promise<void> {
  await withDatabase((database) => retire(database, versionOf(text), because))
  print(`Model ${text} is retired.`)
}

/** Adds the commands of the registry. */
export function addRegistry(program: Command): void {
  const json = (command: Command) => command.option('--json', 'print as JSON')
  json(program.command('list').description('all models: state, who brought them, figures')).action(list)
  json(program.command('show').description('a model: its history and its card').argument('<version>')).action(show)
  addCompare(program)
  json(
    withReason(
      program
        .command('import')
        .description('take a model in as a candidate')
        .argument('<folder>', 'with model.json, weights.bin and manifest.json'),
    ),
  )
    .addHelpText('after', '\nExample:\n  npm run model -- import /tmp/mine --by ana --reason "trained on the spring"')
    .action(bring)
  program
    .command('export')
    .description('write a model to a folder, as plain TensorFlow.js loads it')
    .argument('<version>')
    .argument('<folder>')
    .action(take)
  json(withReason(program.command('promote').description('make a model champion: it decides from the next batch on').argument('<version>')))
    .option('--alone', 'though the same person brought it')
    .addHelpText('after', '\nExample:\n  npm run model -- promote 3 --by ben --reason "better on March, see the report"')
    .action(makeChampion)
  json(
    withReason(
      program.command('shadow').description('let a model score beside the champion without acting, at most three').argument('<version>'),
    ),
  )
    .addHelpText('after', '\nExample:\n  npm run model -- shadow 3 --by ana --reason "to see it on live traffic"')
    .action(putInShadow)
  json(
    withReason(
      program.command('canary').description('let a model decide for a share of the customers, under guards').argument('<version>'),
    ),
  )
    .requiredOption('--share <share>', 'of the customers, above 0 and at most 0.5')
    .option('--alone', 'though the same person brought it')
    .addHelpText('after', '\nExample:\n  npm run model -- canary 3 --share 0.05 --by ben --reason "agrees in shadow"')
    .action(makeCanary)
  json(withReason(program.command('withdraw').description('take a model out of shadow or canary').argument('<version>')))
    .addHelpText('after', '\nExample:\n  npm run model -- withdraw 3 --by ben --reason "seen enough"')
    .action(takeBack)
  json(withReason(program.command('rollback').description('make the champion before champion again'))).action(goBack)
  withReason(program.command('retire').description('take a candidate out of the choice').argument('<version>')).action(putAway)
}
