/** `npm run model -- retrain | runs`: asks the trainer for a model, and says what became of it. */
import { userInfo } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import type { Command } from 'commander'
import { print, withDatabase } from '../../infra/local.ts'
import { table } from '../../infra/table.ts'
import { AssayError } from '../../services/shared/errors.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { isOver, readRun, readRuns, requestTraining, type TrainingRun } from '../../services/shared/tidb/training-runs.ts'
import { instant } from './source.ts'

type Options = { tenant?: string[]; by: string; reason: string; from?: number; wait?: boolean; json?: boolean }

const say = (line: string) => process.stderr.write(`${line}\n`)
const timeOf = (time: number) => new Date(time).toISOString().slice(0, 16).replace('T', ' ')

/** Says each line of progress once, until the run is over. */
async function follow(database: Database, id: string): Promise<TrainingRun> {
  for (let said = ''; ; await setTimeout(1000)) {
    const run = await readRun(database, id)
    if (isOver(run)) return run
    const line = run.state === 'waiting' ? `waiting for a trainer${run.progress && ` (${run.progress})`}` : run.progress
    if (line && line !== said) say(line)
    said = line
  }
}

const became = ({ state, model, outcome }: TrainingRun): string =>
  state === 'candidate'
    ? `Model ${model} is candidate: ${outcome}. Somebody else promotes it: npm run model -- promote ${model}`
    : `Refused: ${outcome}.`

async function retrain({ tenant: tenants, by, reason, from, wait, json }: Options): Promise<void> {
  await withDatabase(async (database) => {
    const { id, asked } = await requestTraining(database, { trigger: 'hand', tenants, by, reason, from })
    if (!asked) say(`A training over these banks waits or runs already: ${id}`)
    if (!wait) return print(json ? JSON.stringify({ id, asked }) : `Training ${id} is asked for; see: npm run model -- runs`)
    const run = await follow(database, id)
    if (json) print(JSON.stringify(run))
    if (run.state === 'failed') throw new AssayError(run.code ?? 'training_failed', run.outcome ?? 'the training failed')
    if (!json) print(became(run))
  })
}

async function runs({ json }: { json?: boolean }): Promise<void> {
  await withDatabase(async (database) => {
    const all = await readRuns(database)
    if (json) return print(JSON.stringify(all))
    if (all.length === 0) return print('No training yet: npm run model -- retrain --by <person> --reason <text>')
    const rows = all.map((run) => {
      const what = isOver(run) ? (run.outcome ?? '') : run.progress
      return [
        run.id,
        run.tenants.join(' '),
        run.trigger,
        run.by,
        timeOf(run.asked),
        run.state,
        run.model === null ? '' : String(run.model),
        what,
      ]
    })
    print(table(['run', 'banks', 'trigger', 'by', 'asked (UTC)', 'state', 'model', 'what'], rows))
  })
}

export function addRetrain(program: Command): void {
  program
    .command('retrain')
    .description('ask the trainer for a model on what was decided since; it becomes a candidate only if it is better than the champion')
    .option(
      '--tenant <name>',
      'learn from this bank; can be repeated; all banks unless given',
      (name: string, before: string[] | undefined) => [...(before ?? []), name],
    )
    .option('--by <person>', 'who asks; somebody else must promote what comes of it', userInfo().username)
    .requiredOption('--reason <text>', 'why; it is kept')
    .option('--from <time>', 'transactions that happened from here on; 400 days unless given', instant)
    .option('--wait', 'follow the progress until it is over; the status is 1 when it failed')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  npm run model -- retrain --tenant bank-one --by ana --reason "a wave of account takeovers" --wait
  npm run model -- retrain --by ana --reason "new merchants" --from 2026-01-01 --json`,
    )
    .action(retrain)
  program
    .command('runs')
    .description('trainings: what started them, how far they are, what came of them')
    .option('--json', 'print as JSON, with all figures')
    .addHelpText('after', '\nExample:\n  npm run model -- runs --json')
    .action(runs)
}
