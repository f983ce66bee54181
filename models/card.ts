/** The model card, made from the manifest, so that what it says is what was measured. */
import type { Figures, Manifest } from './artefact.ts'

const row = (name: string, f: Figures) => `| ${name} | ${f.auc} | ${f.ap} | ${f.recallAtBudget} | ${f.ece} | ${f.meanOverBase} |`

type Span = { rows: number; frauds: number; from: string; to: string }
const days = (span: Span) => `${span.from?.slice(0, 10)} to ${span.to?.slice(0, 10)}`
const learned = (name: string, span: Span) => `| ${name} | ${span.rows} | ${span.frauds} | ${days(span)} |`

/** Where the data came from, in a sentence. */
function originOf(data: Record<string, unknown>): string {
  if (data.source !== 'infra/simulator') return 'Labels counted as they were known when the judged period began.'
  return `${data.transactions} simulated transactions of ${data.customers} customers over ${data.days} days (seed ${data.seed}, which no demonstration
plays), with labels as they had arrived: late, some missing, some wrong. No real person's data.`
}

/** Markdown. */
export function cardOf(m: Manifest): string {
  const { network, logisticRegression, baseRate } = m.figures
  const { training, validation, test, constant } = m.data as { training: Span; validation: Span; test: Span; constant: string[] }
  return `# Model card: ${m.name}

**What it is.** A perceptron with hidden layers of ${m.hidden.join(' and ')} on ${m.features.length} features of a customer's own history and of counterparties, devices and addresses over all customers. Each
feature goes through ramps between knots that shallow decision trees chose on the training data. It gives the probability that a transaction
is fraud. Made by \`npm run model -- train\`${m.by ? ` by ${m.by}` : ''} on the ${m.backend} backend, ${m.createdAt.slice(0, 10)}, by plain log loss, without weights for classes or resampling.

**What it learned from.** ${originOf(m.data)}

| period | transactions | known frauds | time |
| --- | --- | --- | --- |
${learned('training', training)}
${learned('validation, by which it was chosen', validation)}
${learned('test, looked at once', test)}
${constant.length > 0 ? `\nWithout effect, since all rows have the same: ${constant.join(', ')}.\n` : ''}
**How good it is** on the test period (base rate ${baseRate}):

| | AUC | average precision | recall at 1 alert in 200 | calibration error | mean score over base rate |
| --- | --- | --- | --- | --- | --- |
${row('network', network)}
${row('logistic regression on the same inputs', logisticRegression)}

**Where it ends.** ${
    m.data.source === 'infra/simulator'
      ? `It knows the simulator's customers, not yours: take it as a beginning, replay your own history, and train on your own
labels. Friendly fraud looks like an ordinary purchase and is mostly missed. `
      : ''
  }A customer's first days look unusual to it, and so do those of a new installation, whose counters of merchants, devices and addresses
are empty.
`
}
