/** The model card, made from the manifest, so that what it says is what was measured. */
import type { Figures, Manifest } from './artefact.ts'

const row = (name: string, f: Figures) => `| ${name} | ${f.auc} | ${f.ap} | ${f.recallAtBudget} | ${f.ece} | ${f.meanOverBase} |`

/** Markdown. */
export function cardOf(m: Manifest): string {
  const data = m.data as { seed: number; transactions: number; customers: number; days: number }
  const { network, logisticRegression, baseRate } = m.figures
  return `# Model card: ${m.name}

**What it is.** A perceptron with hidden layers of ${m.hidden.join(' and ')} on ${m.features.length} features of a customer's own history and of counterparties, devices and addresses over all customers, each seen
through three soft steps. It gives the probability that a transaction is fraud. It ships so that Assay decides from its first minute.

**What it learned from.** ${data.transactions} simulated transactions of ${data.customers} customers over ${data.days} days (seed ${data.seed}, which no demonstration
plays), with labels as they had arrived at the end: late, some missing, some wrong. No real person's data. Made by \`npm run model -- train\`
on the ${m.backend} backend, ${m.createdAt.slice(0, 10)}, plain log loss, without weights or resampling.

**How good it is** on the last ${network.rows} of them (${network.frauds} frauds, base rate ${baseRate}), a period that had no part in training or in any choice:

| | AUC | average precision | recall at 1 alert in 200 | calibration error | mean score over base rate |
| --- | --- | --- | --- | --- | --- |
${row('network', network)}
${row('logistic regression on the same inputs', logisticRegression)}

**Where it ends.** It knows the simulator's customers, not yours: take it as a beginning, replay your own history, and train on your own
labels. Friendly fraud looks like an ordinary purchase and is mostly missed. A customer's first days look unusual to it, and so
do those of a new installation, whose counters of merchants, devices and addresses are empty.
`
}
