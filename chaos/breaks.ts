/**
 * Breaks one thing on purpose, to see that the check catches it: while a service's source is loaded, one passage is replaced
 * (`break-sources.mjs`). Nothing in the services knows of it.
 */
import type { Harm } from './check.ts'
import type { Step } from './faults.ts'

export type Edit = { file: string; from: string; to: string }
/** `caughtBy` is the count that must be above 0 then; `steps` bring about what the broken part is there for. */
export type Break = { caughtBy: Harm; edits: readonly Edit[]; steps: readonly Step[] }

export const breaks = {
  /** Progress moves whoever owns the partition and wherever it stands, and nobody is told that it is another's. */
  fencing: {
    caughtBy: 'offsetsUnaccounted',
    edits: [
      {
        file: 'services/detector/intake/progress.ts',
        from: 'AND epoch = ? AND next_offset = ? THEN',
        to: 'AND ? IS NOT NULL AND ? IS NOT NULL THEN',
      },
      {
        file: 'services/detector/intake/progress.ts',
        from: 'if (row?.epoch !== m.epoch) by.push(m)',
        to: 'if (row?.epoch !== m.epoch) continue',
      },
      // By their places these tables would keep most of its batches out.
      { file: 'services/detector/record/others.ts', from: 'INSERT INTO set_aside', to: 'INSERT IGNORE INTO set_aside' },
      { file: 'services/detector/record/others.ts', from: 'INSERT INTO dead_letters', to: 'INSERT IGNORE INTO dead_letters' },
    ],
    // It has records in hand which the database does not take, and hears no more from Kafka, which gives its partitions to another one. The database
    // takes them before it learns of that.
    steps: (['detector-1', 'detector-2', 'detector-1'] as const).map((actor) => [
      { kind: 'partition', actor, server: 'sql', seconds: 12 },
      { kind: 'partition', actor, server: 'kafka', seconds: 14, after: 1 },
    ]),
  },
  /** A resend is decided as if it were new, over the first. */
  dedupe: {
    caughtBy: 'changed',
    edits: [
      { file: 'services/detector/enrich.ts', from: 'if (decided) return again(candidate, decided.contentHash, decided)', to: '' },
      { file: 'services/shared/tidb/bulk-insert.ts', from: 'const head = `INSERT INTO', to: 'const head = `REPLACE INTO' },
    ],
    steps: [],
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
    // Killed while it has decided and cannot publish.
    steps: (['detector-1', 'detector-2'] as const).map((actor) => [
      { kind: 'partition', actor, server: 'kafka', seconds: 4 },
      { kind: 'kill', actor, seconds: 1, after: 2 },
    ]),
  },
  /** What Redis has not counted is not filled from TiDB. */
  'counters-gap': {
    caughtBy: 'countersWrong',
    edits: [{ file: 'services/detector/counters/gaps.ts', from: 'if (behind.has(name)) return false', to: 'return false' }],
    steps: [[{ kind: 'wipe', actor: 'redis', seconds: 1 }]],
  },
  /** Dead letters are recorded and not published. */
  'dead-letters': {
    caughtBy: 'deadLettersMissing',
    edits: [
      {
        file: 'services/detector/publish.ts',
        from: 'return [deadLetterMessage(v.raw, v.reason, v.detail, v.value, v.at)]',
        to: 'return []',
      },
    ],
    steps: [],
  },
  /** Steps whose bell Redis has lost are not taken. */
  sweep: {
    caughtBy: 'escalationsMissing',
    edits: [
      {
        file: 'services/casework/sweep.ts',
        from: 'for (const { tenant, id, step } of overdue) await answer({ tenant, caseId: id, step })',
        to: 'void overdue',
      },
    ],
    steps: Array.from({ length: 3 }, () => [{ kind: 'wipe', actor: 'redis', seconds: 1 }]),
  },
} as const satisfies Record<string, Break>

export type BreakName = keyof typeof breaks
