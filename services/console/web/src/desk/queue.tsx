import type { UseInfiniteQueryResult } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import type { CaseRow, CaseState, Me } from '../../../api.ts'
import { Ago, useNow } from '../shared/ago.tsx'
import { count, money, short, span } from '../shared/format.ts'
import { figuresOf, useLive } from '../shared/live.ts'
import { DispositionMark, Score } from '../shared/marks.tsx'
import type { Place } from './desk.tsx'
import './rows.css'
import './queue.css'

const states: { state: CaseState; name: string; empty: string; more: string }[] = [
  { state: 'open', name: 'Open', empty: 'Nothing waits.', more: 'Alerts open cases here as they come.' },
  { state: 'claimed', name: 'Claimed', empty: 'Nobody has a case in hand.', more: 'Claim one from the open ones.' },
  { state: 'closed', name: 'Closed', empty: 'No case has been closed yet.', more: 'Verdicts close cases.' },
]

type Props = {
  list: UseInfiniteQueryResult<unknown>
  cases: CaseRow[]
  state: CaseState
  onState: (state: CaseState) => void
  tenant: string | undefined
  me: Me
  chosen: Place | undefined
  onOpen: (place: Place) => void
}

/** The cases that wait, the ones in hand, and the ones that are done. */
export function Queue({ list, cases, state, onState, tenant, me, chosen, onOpen }: Props) {
  const figures = figuresOf(useLive().pulses.at(-1), tenant)
  const { empty, more } = states.find((s) => s.state === state) ?? states[0]
  return (
    <section className="pane queue-pane" aria-label="Cases">
      <div className="segments" role="tablist">
        {states.map(({ state: s, name }) => (
          <button key={s} type="button" role="tab" aria-selected={s === state} onClick={() => onState(s)}>
            {name} <span className="quiet">{count(figures[s])}</span>
          </button>
        ))}
      </div>
      {list.isError && (
        <p className="fault strip" role="alert">
          {list.error.message}{' '}
          <button type="button" onClick={() => void list.refetch()}>
            Try again
          </button>
        </p>
      )}
      {list.isPending ? (
        <div className="empty quiet">Loading…</div>
      ) : cases.length === 0 && !list.isError ? (
        <div className="empty">
          <p>{empty}</p>
          <p className="quiet">{more}</p>
        </div>
      ) : (
        <ol className="cases">
          {cases.map((c) => (
            <Row
              key={`${c.tenant} ${c.id}`}
              case={c}
              me={me}
              several={me.tenants.length > 1 && !tenant}
              chosen={chosen?.id === c.id && chosen.tenant === c.tenant}
              onOpen={onOpen}
            />
          ))}
          {list.hasNextPage && (
            <li className="more">
              <button type="button" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
                {list.isFetchingNextPage ? 'Loading…' : 'Show more'}
              </button>
            </li>
          )}
        </ol>
      )}
    </section>
  )
}

type RowProps = { case: CaseRow; me: Me; several: boolean; chosen: boolean; onOpen: (place: Place) => void }

function Row({ case: c, me, several, chosen, onOpen }: RowProps) {
  const row = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (chosen) row.current?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  return (
    <li>
      <button ref={row} type="button" className="case-row pick" aria-current={chosen ? 'true' : undefined} onClick={() => onOpen(c)}>
        <span className="customer" title={c.customer}>
          {short(c.customer)}
        </span>
        <span className="amount">{money(c.amount, c.currency)}</span>
        <Score value={c.maxScore} />
        <span className="end">
          {c.disposition ? (
            <DispositionMark value={c.disposition} />
          ) : c.state === 'claimed' ? (
            <Holder name={c.assignee} me={me} />
          ) : (
            <Due case={c} />
          )}
        </span>
        <span className="quiet foot">
          <Ago at={c.closed ?? c.opened} />
          {c.sample && ' · sample'}
          {several && ` · ${c.tenant}`}
        </span>
      </button>
    </li>
  )
}

const Holder = ({ name, me }: { name: string | null; me: Me }) => (
  <span className={name === me.name ? 'mark own' : 'mark'}>{name === me.name ? 'yours' : name}</span>
)

/** How long until the next person is told, and how many have been told in vain. */
export function Due({ case: c }: { case: CaseRow }) {
  const now = useNow()
  if (c.state !== 'open') return null
  const late = c.dueAt !== null && c.dueAt < now
  return (
    <span className={`due ${c.step > 0 ? 'late' : ''}`} title="How often it has been escalated, and when it will be next">
      {c.step > 0 && `${c.step}× escalated`}
      {c.step > 0 && c.dueAt !== null && ' · '}
      {c.dueAt !== null && (late ? 'due now' : `due in ${span(c.dueAt - now)}`)}
    </span>
  )
}
