/** What the page of models and its service say to each other. Types only: the page imports this file too. */
import type { Manifest } from '../../../models/artefact.ts'
import type { Comparison } from '../../../models/comparison.ts'
import type { Agreement, Counts } from '../../../models/evaluation/agreement.ts'
import type { Change, State, Version } from '../../shared/tidb/models.ts'
import type { TrainingRun } from '../../shared/tidb/training-runs.ts'

export type { Agreement, Change, Comparison, Counts, Manifest, State, TrainingRun }

/** One version as the list shows it. */
export type ModelRow = Omit<Version, 'sha256' | 'manifest'> & {
  /** Since when it has its state, who saw to that, and why. */
  since: number
  sinceBy: string
  reason: string
  figures: Manifest['figures']
  data: Record<string, unknown>
}

/** `before` was champion before the champion: where rolling back goes to. */
export type ModelList = { champion: number | null; before: number | null; models: ModelRow[] }

export type ModelDetail = Omit<ModelRow, 'figures' | 'data'> & {
  sha256: string
  manifest: Omit<Manifest, 'bins'>
  /** Markdown. */
  card: string
  /** The newest first. */
  history: Change[]
}
