/** The model card, made from the manifest, so that what it says is what was measured. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figures, Manifest } from './artefact.ts'
import type { Interval } from './evaluation/bootstrap.ts'
import type { Judgement, MetricName } from './evaluation/judge.ts'
import { plots, plotsOf } from './evaluation/plots.ts'
import type { SegmentFigures } from './evaluation/segments.ts'

const columns: readonly { metric: keyof Figures & MetricName; name: string }[] = [
  { metric: 'auc', name: 'AUC' },
  { metric: 'ap', name: 'average precision' },
  { metric: 'recallAtBudget', name: 'recall at 1 alert in 200' },
  { metric: 'ece', name: 'calibration error' },
  { metric: 'meanOverBase', name: 'mean score over base rate' },
]

const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
const tableOf = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')

const digits = (x: number) => (Number.isFinite(x) ? String(Number(x.toPrecision(3))) : '-')
const bounded = ({ value, low, high }: Interval) => `${digits(value)} [${digits(low)}, ${digits(high)}]`
const percent = (x: number) => `${Number((100 * x).toPrecision(2))} %`

type Span = { rows: number; frauds: number; from: string; to: string }
const days = (span: Span) => `${span.from?.slice(0, 10)} to ${span.to?.slice(0, 10)}`

/** Where the data came from, in a sentence. */
function originOf(data: Record<string, unknown>): string {
  if (data.source !== 'infra/simulator') return 'Labels counted as they were known when the judged period began.'
  return `${data.transactions} simulated transactions of ${data.customers} customers over ${data.days} days (seed ${data.seed}, which no demonstration
plays), with labels as they had arrived: late, some missing, some wrong. No real person's data.`
}

function figuresOf({ figures: { network, logisticRegression, baseRate }, judgement, difference }: Manifest): string {
  const plain = (name: string, f: Figures) => [name, ...columns.map(({ metric }) => f[metric])]
  const rows = [
    judgement ? ['network', ...columns.map(({ metric }) => bounded(judgement.figures[metric]))] : plain('network', network),
    plain('logistic regression on the same inputs', logisticRegression),
    ...(difference ? [['difference', ...columns.map(({ metric }) => bounded(difference[metric]))]] : []),
  ]
  return `**How good it is** on the test period (base rate ${baseRate}):

${tableOf(['', ...columns.map((c) => c.name)], rows)}`
}

const curves = ({ byBudget, atBudget }: Judgement) => `In brackets: 95 % intervals, found by drawing whole cards anew.

${tableOf(
  ['looked at', ...byBudget.map(({ budget }) => percent(budget))],
  [['frauds found', ...byBudget.map(({ value, low, high }) => `${percent(value)} [${percent(low)}, ${percent(high)}]`)]],
)}

Of ${Math.round(atBudget.alerts)} alerts at 1 in 200, ${percent(atBudget.precision)} are frauds.

${Object.entries(plots)
  .map(([name, what]) => `![${what}](${name}.svg)`)
  .join('\n')}`

const named = ({ segment, value }: SegmentFigures) => `${segment}: ${value}`

function segmentsOf({ parts, figures, rows }: Judgement): string {
  // Each kind of fraud is set against all that is genuine, so that scores and frauds are not of the same rows.
  const apart = (segment: string) => parts.reduce((sum, p) => sum + (p.segment === segment ? p.rows : 0), 0) <= rows
  const told = parts.filter((p) => p.intervals)
  const small = parts.filter((p) => !p.intervals && p.frauds > 0)
  const least = told
    .filter((p) => p.recall < figures.recallAtBudget.value / 2)
    .sort((a, b) => a.recall - b.recall)
    .slice(0, 3)
  return `**By segments.** Recall is the share of a segment's frauds above the score that uses up 1 alert in 200 of all transactions.

${tableOf(
  ['segment', 'transactions', 'frauds', 'AUC', 'average precision', 'recall', 'mean score over base rate'],
  told.map((p) => [
    named(p),
    p.rows,
    p.frauds,
    ...(p.intervals ? [p.intervals.auc, p.intervals.ap, p.intervals.recall].map(bounded) : []),
    apart(p.segment) ? digits(p.meanOverBase) : '-',
  ]),
)}
${small.length > 0 ? `\nToo few to say much: ${small.map((p) => `${named(p)} (${p.frauds} frauds)`).join(', ')}.\n` : ''}${
  least.length > 0 ? `\nIt finds least of ${least.map((p) => `${named(p)} (${percent(p.recall)})`).join(', ')}.\n` : ''
}`
}

/** Markdown. */
export function cardOf(m: Manifest): string {
  const { training, validation, test, constant } = m.data as { training: Span; validation: Span; test: Span; constant: string[] }
  const simulated = m.data.source === 'infra/simulator'
  const learned = (name: string, span: Span) => [name, span.rows, span.frauds, days(span)]
  const parts = [
    `# Model card: ${m.name}

**What it is.** A perceptron with hidden layers of ${m.hidden.join(' and ')} on ${m.features.length} features of a customer's own history and of counterparties, devices and addresses over all customers. Each
feature goes through ramps between knots that shallow decision trees chose on the training data. It gives the probability that a transaction
is fraud. Made by \`npm run model -- train\`${m.by ? ` by ${m.by}` : ''} on the ${m.backend} backend, ${m.createdAt.slice(0, 10)}, by plain log loss, without weights for classes or resampling.

**What it is for.** To rank a bank's transactions for people who look at them, and to decide within the thresholds that the bank has set; its advice can be overruled, and each decision
comes with reasons. It is not for judging persons: no feature says who somebody is, and none should be added that does.`,
    `**What it learned from.** ${originOf(m.data)}

${tableOf(
  ['period', 'transactions', 'known frauds', 'time'],
  [learned('training', training), learned('validation, by which it was chosen', validation), learned('test, looked at once', test)],
)}`,
    constant.length > 0 ? `Without effect, since all rows have the same: ${constant.join(', ')}.` : '',
    figuresOf(m),
    m.judgement ? curves(m.judgement) : '',
    m.judgement ? segmentsOf(m.judgement).trimEnd() : '',
    m.leansOn
      ? `**What it leans on.** Part of what raises the scores of its alerts, by feature: ${m.leansOn.map(({ feature, share }) => `\`${feature}\` ${percent(share)}`).join(', ')}.`
      : '',
    `**Where it ends.** ${
      simulated
        ? `It knows the simulator's customers, not yours: take it as a beginning, replay your own history, and train on your own
labels. Friendly fraud looks like an ordinary purchase and is mostly missed. `
        : ''
    }A customer's first days look unusual to it, and so do those of a new installation, whose counters of merchants, devices and addresses
are empty.`,
  ]
  return `${parts.filter(Boolean).join('\n\n')}\n`
}

/** The card, and its plots where the model was judged, by the names of their files. */
export async function cardFiles(manifest: Manifest): Promise<Map<string, string>> {
  const written = new Map([['MODEL_CARD.md', cardOf(manifest)]])
  if (manifest.judgement)
    for (const [name, svg] of Object.entries(await plotsOf(manifest.judgement))) written.set(`${name}.svg`, `${svg}\n`)
  return written
}

/** Writes them beside a model. */
export async function writeCard(directory: string, manifest: Manifest): Promise<void> {
  for (const [name, text] of await cardFiles(manifest)) writeFileSync(join(directory, name), text)
}
