/** `npm run assay -- features`: what the registry of features says, and how a data set's own compare with published ones. */
import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { featureSetHash, features } from '../models/fold/features.ts'
import { backfillCommand } from './features/backfill-command.ts'
import { compareCommand } from './features/command.ts'
import { documentPath, featuresDocument } from './features/document.ts'
import { print } from './local.ts'

export function featuresCommand(): Command {
  const command = new Command('features').description('what a decision is made from')
  command
    .command('list')
    .description('print every feature in the order of the vector')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => {
      if (options.json) return print(JSON.stringify({ set: featureSetHash, features }))
      for (const { name, entity, unit, meaning } of features) print(`${name.padEnd(26)} ${entity.padEnd(12)} ${meaning} (${unit})`)
    })
  command
    .command('document')
    .description(`write ${documentPath}`)
    .action(() => {
      writeFileSync(documentPath, featuresDocument())
      print(`${documentPath}: ${features.length} features, set ${featureSetHash}`)
    })
  return command.addCommand(compareCommand()).addCommand(backfillCommand())
}
