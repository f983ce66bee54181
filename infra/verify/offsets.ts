/** Offsets of the log that have no outcome: neither decided, nor set aside, nor dead-lettered. */
import type { Database } from '../../services/shared/tidb/database.ts'

type Stretch = { first: number; last: number }
const key = (part: number, log: number) => `${part}:${log}`

/** The stretch of each partition's log that a set of decisions covers. */
export class Stretches {
  readonly #of = new Map<string, Stretch>()

  add({ part, log, log_offset }: { part: number; log: number; log_offset: number }): void {
    const known = this.#of.get(key(part, log))
    if (!known) this.#of.set(key(part, log), { first: log_offset, last: log_offset })
    else {
      if (log_offset < known.first) known.first = log_offset
      if (log_offset > known.last) known.last = log_offset
    }
  }

  /** How many offsets within the stretches have no outcome. */
  async missing(database: Database, tenant: string): Promise<number> {
    let missing = 0
    for (const [place, { first, last }] of this.#of) {
      const [part, log] = place.split(':').map(Number)
      const [{ n }] = await database.query<{ n: number }>(
        `SELECT (SELECT COUNT(*) FROM transactions WHERE tenant = ? AND part = ? AND log = ? AND log_offset BETWEEN ? AND ?)
           + (SELECT COUNT(*) FROM set_aside WHERE tenant = ? AND topic = 'transactions' AND part = ? AND log = ? AND log_offset BETWEEN ? AND ?)
           + (SELECT COUNT(*) FROM dead_letters WHERE tenant = ? AND topic = 'transactions' AND part = ? AND log = ? AND log_offset BETWEEN ? AND ?) AS n`,
        [1, 2, 3].flatMap(() => [tenant, part, log, first, last]),
      )
      missing += last - first + 1 - Number(n)
    }
    return missing
  }
}
