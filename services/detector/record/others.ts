/** What a batch records besides decided transactions: resends, dead letters, outcomes, labels, customers and instruments. */
import type { Value } from '../../shared/tidb/database.ts'
import { positionOf, type Verdict } from '../batch.ts'
import { type LabelStanding, moveColumns } from '../counters/labels.ts'

const instant = (text: string | undefined): number | null => (text === undefined ? null : Date.parse(text))

/** The rows of everything that is not a decided transaction, by statement. */
export function otherRows(verdicts: readonly Verdict[], now: number): Map<string, Value[][]> {
  const rows = new Map<string, Value[][]>()
  const add = (statement: string, row: Value[]) => {
    const list = rows.get(statement)
    if (list) list.push(row)
    else rows.set(statement, [row])
  }
  for (const v of verdicts) {
    const position = positionOf(v.raw.log, v.raw.offset)
    const place = [v.raw.tenant, v.raw.topic, v.raw.log, v.raw.partition, v.raw.offset]
    switch (v.kind) {
      case 'decided':
        break
      case 'duplicate':
      case 'moved':
        add('INSERT INTO set_aside (tenant, topic, log, part, log_offset, outcome, id, recorded) VALUES ?', [
          ...place,
          v.kind,
          v.id.slice(0, 64),
          now,
        ])
        break
      case 'dead_letter':
        add(
          'INSERT INTO dead_letters (tenant, topic, log, part, log_offset, reason, detail, record_key, record_value, received, recorded) VALUES ?',
          [...place, v.reason, v.detail, v.raw.key?.subarray(0, 1024) ?? null, v.value, v.raw.received, v.at],
        )
        break
      case 'outcome': {
        const o = v.outcome
        add(
          'INSERT IGNORE INTO outcomes (tenant, customer, happened_at, id, result, transaction_id, reason, known_at, position) VALUES ?',
          [o.tenant, o.customer, v.happened, o.id, o.result, o.transaction, o.reason ?? null, v.raw.received, position],
        )
        break
      }
      case 'label': {
        const l = v.label
        add(
          'INSERT IGNORE INTO labels (tenant, transaction_id, known_at, id, value, source, happened_at, supersedes, said_by, note, received) VALUES ?',
          [
            l.tenant,
            l.transaction,
            Date.parse(l.knownAt),
            l.id,
            l.value,
            l.source,
            Date.parse(l.happenedAt),
            l.supersedes ?? null,
            l.by ?? null,
            l.note ?? null,
            v.raw.received,
          ],
        )
        const { waits, waited, move } = v.standing as LabelStanding
        if (move)
          add(
            `INSERT INTO label_moves (${moveColumns.join(', ')}) VALUES ?`,
            moveColumns.map((column) => move[column]),
          )
        const waiting = [l.tenant, l.transaction, l.id]
        if (waits && !waited)
          add('INSERT IGNORE INTO waiting_labels (tenant, transaction_id, id, part, record_value, received, look_at) VALUES ?', [
            ...waiting,
            v.raw.partition,
            v.raw.value,
            v.raw.received,
            now,
          ])
        if (waited && !waits) add('DELETE FROM waiting_labels WHERE (tenant, transaction_id, id) IN (?)', waiting)
        break
      }
      case 'party': {
        const p = v.party
        const common = [Date.parse(p.validFrom), instant(p.opened), p.limit ?? null, p.currency ?? null, v.raw.received, position]
        if (p.instrument === undefined) {
          add(
            'INSERT INTO customers (tenant, customer, valid_from, opened, limit_minor, currency, received, position, lat, lon, country, zone) VALUES ?',
            [p.tenant, p.customer, ...common, p.home?.lat ?? null, p.home?.lon ?? null, p.country ?? null, p.zone ?? null],
          )
        } else {
          add(
            'INSERT INTO instruments (tenant, instrument, valid_from, opened, limit_minor, currency, received, position, customer, type) VALUES ?',
            [p.tenant, p.instrument, ...common, p.customer, p.type ?? null],
          )
        }
      }
    }
  }
  return rows
}
