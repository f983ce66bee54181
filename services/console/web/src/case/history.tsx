import type { HistoryEntry } from '../../../api.ts'
import { Ago } from '../shared/ago.tsx'

/** Who did what with the case, and when. */
export function History({ history }: { history: HistoryEntry[] }) {
  return (
    <section className="card history" aria-label="History">
      <h2>History</h2>
      <ol>
        {history.map((entry) => (
          <li key={entry.id}>
            <span className="quiet">
              <Ago at={entry.at} />
            </span>{' '}
            {entry.actor} <strong>{entry.event.replaceAll('_', ' ')}</strong> <span className="quiet">{detailOf(entry.detail)}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}

const detailOf = (detail: unknown): string =>
  detail && typeof detail === 'object'
    ? Object.entries(detail)
        .filter(([, value]) => typeof value === 'string' || typeof value === 'number')
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')
    : ''
