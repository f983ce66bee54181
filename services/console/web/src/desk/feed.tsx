import { useState } from 'react'
import { Ago } from '../shared/ago.tsx'
import { categoryName } from '../shared/categories.ts'
import { findCase, ProblemError } from '../shared/client.ts'
import { money, short } from '../shared/format.ts'
import { type LiveAlert, useLive } from '../shared/live.ts'
import { ActionMark, Score } from '../shared/marks.tsx'
import type { Place } from './desk.tsx'
import './rows.css'
import './feed.css'

type Props = { tenant: string | undefined; several: boolean; onOpen: (place: Place) => void }

/** Alerts as they come. One that is chosen opens the case that it belongs to. */
export function Feed({ tenant, several, onOpen }: Props) {
  const { alerts } = useLive()
  const [fault, setFault] = useState<string>()
  const seen = tenant ? alerts.filter((a) => a.alert.tenant === tenant) : alerts

  const open = async ({ alert }: LiveAlert) => {
    setFault(undefined)
    try {
      const { caseId } = await findCase(alert.tenant, alert.transaction)
      onOpen({ tenant: alert.tenant, id: caseId })
    } catch (error) {
      const early = error instanceof ProblemError && error.status === 404
      setFault(early ? 'This alert has no case yet; try again in a moment.' : (error as Error).message)
    }
  }

  return (
    <section className="feed" aria-label="Alerts">
      <h2>
        Alerts <span className="quiet">as they come</span>
      </h2>
      {fault && (
        <p className="fault strip" role="alert">
          {fault}
        </p>
      )}
      {seen.length === 0 ? (
        <div className="empty">
          <p>No alerts yet.</p>
          <p className="quiet">They appear here the moment they are raised.</p>
        </div>
      ) : (
        <ol>
          {seen.map((entry) => (
            <li key={entry.alert.id} className={entry.arrived === null ? undefined : 'fresh'}>
              <button type="button" className="alert-row pick" onClick={() => void open(entry)}>
                <Score value={entry.alert.score} />
                <span className="amount">{money(entry.alert.amount, entry.alert.currency)}</span>
                <span className="where" title={entry.alert.counterparty}>
                  {entry.alert.counterpartyName || categoryName(entry.alert.category) || short(entry.alert.customer)}
                </span>
                <ActionMark action={entry.alert.action} sample={entry.alert.sample} />
                <span className="quiet foot">
                  <span className="first-reason">{entry.alert.reasons[0]?.text ?? short(entry.alert.customer)}</span>
                  <span>
                    {several && !tenant && `${entry.alert.tenant} · `}
                    <Ago at={Date.parse(entry.alert.decidedAt)} />
                  </span>
                </span>
              </button>
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}
