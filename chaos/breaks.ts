import type { Harm } from './check.ts'

/**
 * Breaks one thing on purpose, to see that the check catches it: while a service's source is loaded, one passage is replaced. Nothing in the
 * services knows of it. Used as `node --import ./chaos/break-sources.mjs` with CHAOS_BREAK set.
 */
type Edit = { file: string; from: string; to: string }
/** `caughtBy` is the count that must be above 0 then. */
type Break = { caughtBy: keyof Harm; edits: readonly Edit[] }

export const breaks = {
  /** Progress moves whoever owns the partition and wherever it stands. */
  fencing: {
    caughtBy: 'offsetsUnaccounted',
    edits: [
      {
        file: 'services/detector/intake/progress.ts',
        from: 'AND epoch = ? AND next_offset = ?)',
        to: 'AND ? IS NOT NULL AND ? IS NOT NULL)',
      },
    ],
  },
  /** A resend is decided as if it were new, over the first. */
  dedupe: {
    caughtBy: 'changed',
    edits: [
      { file: 'services/detector/enrich.ts', from: 'if (decided) return again(candidate, decided.contentHash, decided)', to: '' },
      { file: 'services/detector/record.ts', from: 'INSERT INTO transactions (', to: 'REPLACE INTO transactions (' },
    ],
  },
  /** What lies before progress is not published again. */
  republish: {
    caughtBy: 'lost',
    edits: [
      {
        file: 'services/detector/intake/claims.ts',
        from: 'd.seek(p, Math.max(low, Math.min(p.publishFrom, p.next - 1)))',
        to: 'd.seek(p, Math.max(low, p.next))',
      },
    ],
  },
  'dead-letters': {
    caughtBy: 'deadLettersMissing',
    edits: [
      {
        file: 'services/detector/publish.ts',
        from: 'return [deadLetterMessage(v.raw, v.reason, v.detail, v.value, v.at)]',
        to: 'return []',
      },
    ],
  },
  sweep: {
    caughtBy: 'escalationsMissing',
    edits: [
      {
        file: 'services/casework/sweep.ts',
        from: 'for (const { tenant, id, step } of overdue) await answer({ tenant, caseId: id, step })',
        to: 'void overdue',
      },
    ],
  },
} as const satisfies Record<string, Break>

export type BreakName = keyof typeof breaks
