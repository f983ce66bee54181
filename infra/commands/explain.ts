/** `npm run assay -- explain`: why a transaction was decided as it was. */
import { Command } from 'commander'
import { createExplainDecision, type ExplainedDecision, type Part } from '../../models/reasons/decision.ts'
import { exponentOf } from '../../services/shared/currencies.ts'
import { print, withDatabase } from '../local.ts'
import { table } from '../table.ts'

const head = ['', 'value', 'usual', 'adds to the logit']
const signed = (x: number) => `${x > 0 ? '+' : ''}${x}`
const rowOf = ({ feature, value, usual, adds }: Part) => [`  ${feature}`, String(value), String(usual), signed(adds)]

function show(d: ExplainedDecision): void {
  const { amount, currency, counterpartyName, counterparty } = d.event
  const { challenge, review, decline } = d.thresholds
  const money = `${(amount / 10 ** exponentOf(currency)).toFixed(exponentOf(currency))} ${currency}`
  const told = d.sampled ? ', drawn for review' : d.alert ? ', an alert' : ''
  print(`${d.transaction} of ${d.tenant}: ${d.action} at score ${d.score}${told}`)
  print(`challenge from ${challenge}, review from ${review}, decline from ${decline} (settings ${d.settings}); model ${d.model}`)
  const at = counterpartyName ?? counterparty
  print(
    `${money}${at === undefined ? '' : ` at ${at}`} by ${d.customer}, ${new Date(d.time).toISOString()}, decided ${new Date(d.decided).toISOString()}`,
  )
  print(`The vector gives ${d.computed.score} now, a usual transaction of this customer ${d.computed.usual}.\n`)
  if (d.reasons.length === 0) print('Nothing raises the score above that of a usual transaction.\n')
  for (const { text, share, features } of d.reasons)
    print(`${Math.round(100 * (share ?? 0))} %  ${text}\n${table(head, features.map(rowOf))}\n`)
  if (d.lowered.length > 0) print(`What lowers it most\n${table(head, d.lowered.map(rowOf))}`)
}

export function explainCommand(): Command {
  return new Command('explain')
    .description('why a transaction was decided as it was: score, thresholds, reasons and the features behind them, of approved ones too')
    .argument('<transaction>', "the bank's id of it")
    .requiredOption('--tenant <tenant>', 'the bank')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
The reasons are computed anew from the recorded vector by the model that decided. Shares are parts of all that raises the score above that
of a usual transaction of the customer.

Examples:
  npm run assay -- explain t1-9x --tenant demo-bank
  npm run assay -- explain t1-9x --tenant demo-bank --json | jq .reasons`,
    )
    .action((transaction: string, { tenant, json }: { tenant: string; json?: boolean }) =>
      withDatabase(async (database) => {
        const explained = await createExplainDecision(database)(tenant, transaction)
        if (json) print(JSON.stringify(explained))
        else show(explained)
      }),
    )
}
