/** One case: who it is about, what was decided and why, what happened, and the verdict. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { leads } from '../../../access.ts'
import type { CaseDetail, Me } from '../../../api.ts'
import type { Place } from '../desk/desk.tsx'
import { Due } from '../desk/queue.tsx'
import { Ago } from '../shared/ago.tsx'
import { claimCase, ProblemError, readCase, releaseCase } from '../shared/client.ts'
import { money } from '../shared/format.ts'
import { useKeys } from '../shared/keys.ts'
import { DispositionMark, Key, Score } from '../shared/marks.tsx'
import { Habits } from './habits.tsx'
import { History } from './history.tsx'
import { Timeline } from './timeline.tsx'
import { Verdict } from './verdict.tsx'
import { Why } from './why.tsx'
import './case-view.css'

type Props = { place: Place; me: Me; onJudged: (place: Place) => void }

/** One case: what it is about, why it was raised, what the customer usually does, and the verdict. */
export function CaseView({ place, me, onJudged }: Props) {
  const found = useQuery({
    queryKey: ['case', place.tenant, place.id],
    queryFn: () => readCase(place.tenant, place.id),
    refetchInterval: 10_000,
  })
  if (found.isPending) return <div className="empty quiet">Loading…</div>
  if (!found.data)
    return (
      <div className="empty" role="alert">
        <p>{found.error instanceof ProblemError && found.error.status === 404 ? 'There is no such case.' : found.error?.message}</p>
        <button type="button" onClick={() => void found.refetch()}>
          Try again
        </button>
      </div>
    )
  return <Case case={found.data} me={me} onJudged={() => onJudged(place)} />
}

function Case({ case: c, me, onJudged }: { case: CaseDetail; me: Me; onJudged: () => void }) {
  const queryClient = useQueryClient()
  const refresh = () =>
    Promise.all([
      queryClient.invalidateQueries({ queryKey: ['case', c.tenant, c.id] }),
      queryClient.invalidateQueries({ queryKey: ['cases'] }),
    ])
  const claim = useMutation({ mutationFn: () => claimCase(c.tenant, c.id), onSettled: refresh })
  const release = useMutation({ mutationFn: () => releaseCase(c.tenant, c.id), onSettled: refresh })
  const mine = c.state === 'claimed' && c.assignee === me.name
  const mayRelease = mine || (c.state === 'claimed' && leads(me.role))
  const busy = claim.isPending || release.isPending
  useKeys({
    c: () => c.state === 'open' && !busy && claim.mutate(),
    r: () => mayRelease && !busy && release.mutate(),
  })
  const fault = claim.error ?? release.error
  const judged = c.timeline.filter((t) => t.inCase)

  return (
    <article className="case">
      <header className="case-top">
        <div>
          <h1 title="Customer">{c.customer}</h1>
          <p className="quiet">
            {c.tenant} · {judged.length} {judged.length === 1 ? 'transaction' : 'transactions'} · opened <Ago at={c.opened} />
            {c.sample && ' · random sample'} <Due case={c} />
          </p>
        </div>
        <div className="case-figures">
          <strong>{money(c.amount, c.currency)}</strong>
          <Score value={c.maxScore} />
        </div>
        <div className="case-actions">
          {c.state === 'open' && (
            <button type="button" className="primary" disabled={busy} onClick={() => claim.mutate()}>
              Claim <Key>c</Key>
            </button>
          )}
          {c.state === 'claimed' && <span className={mine ? 'mark own' : 'mark'}>{mine ? 'yours' : `with ${c.assignee}`}</span>}
          {mayRelease && (
            <button type="button" disabled={busy} onClick={() => release.mutate()}>
              Release <Key>r</Key>
            </button>
          )}
          {c.disposition && <DispositionMark value={c.disposition} />}
        </div>
      </header>
      {fault && (
        <p className="fault strip" role="alert">
          {fault.message}
        </p>
      )}
      <div className="case-body">
        <Why case={c} />
        {c.state === 'closed' && c.note && (
          <blockquote className="card note">
            {c.note} <cite>{c.assignee}</cite>
          </blockquote>
        )}
        <Habits timeline={c.timeline} />
        <Timeline timeline={c.timeline} />
        <History history={c.history} />
      </div>
      {mine && <Verdict case={c} onSettled={refresh} onJudged={onJudged} />}
    </article>
  )
}
