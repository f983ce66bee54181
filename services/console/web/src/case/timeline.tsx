import { Fragment } from 'react'
import type { TimelineEntry } from '../../../api.ts'
import { categoryName } from '../shared/categories.ts'
import { day, full, money, short, time } from '../shared/format.ts'
import { ActionMark, DispositionMark, Score } from '../shared/marks.tsx'
import './timeline.css'

/** The customer's transactions, newest first; those of the case stand out and say why. */
export function Timeline({ timeline }: { timeline: TimelineEntry[] }) {
  if (timeline.length === 0)
    return (
      <section className="card timeline">
        <h2>Transactions</h2>
        <p className="quiet">The customer's transactions are not in the database.</p>
      </section>
    )
  return (
    <section className="card timeline" aria-label="Transactions">
      <h2>
        Transactions <span className="quiet">of this customer, the last {timeline.length}</span>
      </h2>
      <table>
        <thead>
          <tr>
            <th>Time</th>
            <th className="number">Amount</th>
            <th>Counterparty</th>
            <th>How</th>
            <th>Score</th>
            <th>Advice</th>
            <th>Said since</th>
          </tr>
        </thead>
        <tbody>
          {timeline.map((entry, i) => (
            <Fragment key={entry.event.id}>
              {(i === 0 || day(timeline[i - 1].time) !== day(entry.time)) && (
                <tr className="day">
                  <th colSpan={7} scope="rowgroup">
                    {day(entry.time)}
                  </th>
                </tr>
              )}
              <Entry entry={entry} />
            </Fragment>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Entry({ entry }: { entry: TimelineEntry }) {
  const { event } = entry
  const how = [event.kind === 'authorization' ? undefined : event.kind, event.channel, event.entryMode, event.country]
  return (
    <>
      <tr className={entry.inCase ? 'in-case' : undefined}>
        <td title={full(entry.time)}>{time(entry.time)}</td>
        <td className={`number ${event.direction}`}>
          {event.direction === 'credit' && '+'}
          {money(event.amount, event.currency)}
        </td>
        <td className="counterparty" title={`${event.id}${event.counterparty ? ` · ${event.counterparty}` : ''}`}>
          {event.counterpartyName ?? (event.counterparty ? short(event.counterparty) : '–')}
          <span className="quiet"> {categoryName(event.category)}</span>
        </td>
        <td className="how quiet">{how.filter(Boolean).join(' · ')}</td>
        <td>
          <Score value={entry.score} />
        </td>
        <td>
          <ActionMark action={entry.action} sample={entry.sampled} />
        </td>
        <td className="said">
          {entry.outcome && <span className="mark">bank {entry.outcome.result}</span>}
          {entry.labels.map((label) => (
            <span
              key={`${label.source} ${label.knownAt}`}
              title={`${label.source}${label.by ? `, ${label.by}` : ''}, ${full(label.knownAt)}`}
            >
              <DispositionMark value={label.value} />
            </span>
          ))}
        </td>
      </tr>
      {entry.inCase && entry.reasons.length > 0 && (
        <tr className="why in-case">
          <td />
          <td colSpan={6}>{entry.reasons.map((reason) => reason.text).join(' · ')}</td>
        </tr>
      )}
    </>
  )
}
