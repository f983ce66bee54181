/** Two models of the registry side by side, by what their manifests say. */
import type { Figures, Manifest } from './artefact.ts'

/** The figures that two models are compared by. */
export const compared = ['auc', 'ap', 'recallAtBudget', 'ece', 'meanOverBase'] as const
export type Compared = (typeof compared)[number]

type Registered = { version: number; state: string; manifest: Manifest }
export type Comparison = {
  /** Whether both were judged by the same data; else the figures say little about which is better. */
  sameData: boolean
  versions: { version: number; name: string; state: string; figures: Manifest['figures'] }[]
  /** The second's figures less the first's. */
  differences: Record<Compared, number>
}

const four = (x: number) => Math.round(x * 1e4) / 1e4
const differences = (a: Figures, b: Figures) =>
  Object.fromEntries(compared.map((name) => [name, four(b[name] - a[name])])) as Record<Compared, number>

export const comparisonOf = (a: Registered, b: Registered): Comparison => ({
  sameData: JSON.stringify(a.manifest.data) === JSON.stringify(b.manifest.data),
  versions: [a, b].map(({ version, state, manifest }) => ({ version, name: manifest.name, state, figures: manifest.figures })),
  differences: differences(a.manifest.figures.network, b.manifest.figures.network),
})
