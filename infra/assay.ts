/** `npm run assay -- <command>`: what an operator, an integration engineer and a data scientist do from the command line. */
import { Command } from 'commander'
import { backendCommand } from '../models/backend-install.ts'
import { messageOf } from '../services/shared/errors.ts'
import { countersCommand } from './commands/counters.ts'
import { customersCommand } from './commands/customers.ts'
import { deadLettersCommand } from './commands/dead-letters.ts'
import { explainCommand } from './commands/explain.ts'
import { keysCommand } from './commands/keys.ts'
import { labelsCommand } from './commands/labels.ts'
import { migrateCommand } from './commands/migrate.ts'
import { progressCommand } from './commands/progress.ts'
import { ratesCommand } from './commands/rates.ts'
import { screenshotCommand } from './commands/screenshot.ts'
import { tenantsCommand } from './commands/tenants.ts'
import { thresholdsCommand } from './commands/thresholds.ts'
import { usersCommand } from './commands/users.ts'
import { featuresCommand } from './features.ts'
import { replayCommand } from './replay.ts'
import { simulateCommand } from './simulate.ts'
import { verifyCommand } from './verify.ts'

const program = new Command('npm run assay --')
  .description('Assay from the command line. Addresses come from the environment, else from the local stack in .assay/.')
  .addCommand(migrateCommand())
  .addCommand(tenantsCommand())
  .addCommand(keysCommand())
  .addCommand(usersCommand())
  .addCommand(explainCommand())
  .addCommand(thresholdsCommand())
  .addCommand(ratesCommand())
  .addCommand(simulateCommand())
  .addCommand(replayCommand())
  .addCommand(verifyCommand())
  .addCommand(featuresCommand())
  .addCommand(labelsCommand())
  .addCommand(customersCommand())
  .addCommand(deadLettersCommand())
  .addCommand(progressCommand())
  .addCommand(countersCommand())
  .addCommand(screenshotCommand())
  .addCommand(backendCommand())

// Whoever reads the answer may have seen enough: `… | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})
await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`assay: ${messageOf(error)}\n`)
  process.exitCode = 1
})
