/** `npm run model -- <command>`: trains, judges and manages the models that score. */
import { Command } from 'commander'
import { messageOf } from '../services/shared/errors.ts'
import { addCard } from './commands/card.ts'
import { addDrift } from './commands/drift.ts'
import { addEvaluate } from './commands/evaluate.ts'
import { addHandbook } from './commands/handbook.ts'
import { addRegistry } from './commands/registry.ts'
import { addRetrain } from './commands/retrain.ts'
import { addTrain } from './commands/train.ts'

const program = new Command('npm run model --').description('Trains, judges and manages the models that score.')
addTrain(program)
addEvaluate(program)
addCard(program)
addDrift(program)
addHandbook(program)
addRegistry(program)
addRetrain(program)

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`model: ${messageOf(error)}\n`)
  process.exitCode = 1
})
