/** `docs/features.md` as the registry says it. */
import { type Entity, type Feature, featureSetHash, features, width } from '../../models/fold/features.ts'

export const documentPath = 'docs/features.md'

const parts: { entity: Entity; title: string; text: string }[] = [
  { entity: 'transaction', title: 'The transaction itself', text: 'What it says of itself.' },
  {
    entity: 'customer',
    title: "The customer's history",
    text: "Computed from the customer's own earlier transactions, outcomes and versions, as of the transaction's own time. `npm run assay -- verify` recomputes them bit for bit.",
  },
  { entity: 'instrument', title: "The instrument's part of it", text: 'The same, of one card or account of the customer.' },
  { entity: 'counterparty', title: 'The counterparty, over all customers', text: shared('counterparty') },
  { entity: 'device', title: 'The device, over all customers', text: shared('device') },
  { entity: 'ip', title: 'The IP address, over all customers', text: shared('address') },
]

function shared(what: string): string {
  return `Read from the counters that all detectors share, as they stood when the transaction was decided, and stored with the decision. All are 0 where no ${what} is named.`
}

/** A table whose columns are as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map((r) => r[column].length)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`
  return [line(rows[0]), line(widths.map((w) => '-'.repeat(w))), ...rows.slice(1).map(line)]
}

const head = ['name', 'meaning', 'unit', 'type', 'since']
const row = ({ name, type, unit, meaning, since }: Feature): string[] => [`\`${name}\``, meaning, unit, type, since]

/** The whole document. */
export function featuresDocument(): string {
  const sections = parts.flatMap(({ entity, title, text }) => {
    const own = features.filter((f) => f.entity === entity)
    if (own.length === 0) return []
    return [`## ${title}`, '', text, '', ...table([head, ...own.map(row)]), '']
  })
  return [
    '# Features',
    '',
    `Written by \`npm run assay -- features document\` from \`models/fold/features.ts\`, the one definition from which serving, training and verifying`,
    `take them. ${width} features, set \`${featureSetHash}\`: this hash stands in every model's manifest and in every row, and a model of another set is`,
    'refused.',
    '',
    'A window of length w is (t - w, t]: a transaction exactly w before is out. "Payments" are debits that move money (authorization, transfer, and a',
    'capture that names no original), declined ones too; the transaction itself is one of them where it is a payment. "Earlier" means before it by',
    "time, then by the hash of the id. Nothing of a customer looks back further than 30 days, nor beyond the newest 1,000 transactions. Amounts are in the tenant's base currency.",
    '',
    ...sections,
  ].join('\n')
}
