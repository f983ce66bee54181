import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Me } from '../../../../api.ts'
import type { ModelDetail, ModelList } from '../../../../models/api.ts'
import { Ago } from '../../shared/ago.tsx'
import { ProblemError } from '../../shared/client.ts'
import { type Action, actionsOf } from '../actions.ts'
import { readModel } from '../calls.ts'
import { Question } from '../question.tsx'
import { StateMark } from '../state-mark.tsx'
import { AgreementCard } from './agreement.tsx'
import { Changes } from './changes.tsx'
import { FiguresTable } from './figures-table.tsx'
import { Learned } from './learned.tsx'
import { Segments } from './segments.tsx'
import './version-view.css'

type Props = { version: number; other: number | undefined; list: ModelList; me: Me }

/** One version: what it is, how good beside another one, who changed it, and what can be done with it. */
export function VersionView({ version, other, list, me }: Props) {
  const found = useQuery({ queryKey: ['models', version], queryFn: () => readModel(version), refetchInterval: 5000 })
  if (found.isPending) return <div className="empty quiet">Loading…</div>
  if (!found.data)
    return (
      <div className="empty" role="alert">
        <p>{found.error instanceof ProblemError && found.error.status === 404 ? 'There is no such model.' : found.error.message}</p>
        <button type="button" onClick={() => void found.refetch()}>
          Try again
        </button>
      </div>
    )
  const { judgement } = found.data.manifest
  const others = list.models.filter((m) => m.version !== version)
  // Beside the champion unless another one was chosen; the champion itself beside what was champion or came last.
  const beside = others.find((m) => m.version === (other ?? list.champion)) ?? others[0]
  return (
    <article className="version-view">
      <Head model={found.data} list={list} me={me} />
      <FiguresTable model={found.data} other={beside} others={others} />
      {list.champion !== null && hasScored(found.data) && <AgreementCard version={version} champion={list.champion} me={me} />}
      {judgement && <Segments parts={judgement.parts} whole={judgement.figures.recallAtBudget.value} />}
      <Learned manifest={found.data.manifest} sha256={found.data.sha256} />
      <Changes history={found.data.history} />
    </article>
  )
}

/** Whether it has been a challenger, so that there may be transactions which it and the champion have both scored. */
const hasScored = ({ state, history }: ModelDetail) =>
  state !== 'champion' && history.some((change) => change.state === 'shadow' || change.state === 'canary')

function Head({ model, list, me }: { model: ModelDetail; list: ModelList; me: Me }) {
  const queryClient = useQueryClient()
  const [asked, setAsked] = useState<Action>()
  const [share, setShare] = useState(5)
  const acting = useMutation({
    mutationFn: ({ action, reason }: { action: Action; reason: string }) => action.act(reason, share / 100),
    onSuccess: () => setAsked(undefined),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ['models'] }),
  })
  const actions = actionsOf(model, list, me)
  const hindrances = [...new Set(actions.flatMap((action) => action.hindrance ?? []))]
  return (
    <header className="version-head">
      <div>
        <h1>
          <span className="quiet">Model {model.version}</span> {model.name} <StateMark state={model.state} share={model.share} />
        </h1>
        <p className="quiet">
          brought by {model.by} <Ago at={model.created} /> · {model.state} since <Ago at={model.since} />, by {model.sinceBy}
          {model.reason && <>: “{model.reason}”</>}
        </p>
      </div>
      <div className="version-actions">
        {actions.map((action) => (
          <button
            key={action.name}
            type="button"
            className={action.tone === 'primary' ? 'primary' : undefined}
            disabled={action.hindrance !== undefined}
            aria-describedby={action.hindrance === undefined ? undefined : 'hindrance'}
            onClick={() => {
              acting.reset()
              setAsked(action)
            }}
          >
            {action.name}…
          </button>
        ))}
        <a className="button" href={`/api/models/${model.version}/export`} download>
          Export
        </a>
      </div>
      {hindrances.length > 0 && (
        <p id="hindrance" className="notice">
          {hindrances.join(' ')}
        </p>
      )}
      {asked && (
        <Question
          title={asked.title}
          meaning={asked.meaning}
          name={asked.name}
          busy={acting.isPending}
          error={acting.error?.message}
          onAct={(reason) => acting.mutate({ action: asked, reason })}
          onClose={() => setAsked(undefined)}
        >
          {asked.share && (
            <label>
              Share of the customers, in per cent
              <input
                type="number"
                required
                min={0.1}
                max={50}
                step={0.1}
                value={share}
                onChange={(e) => setShare(e.target.valueAsNumber)}
              />
            </label>
          )}
        </Question>
      )}
    </header>
  )
}
