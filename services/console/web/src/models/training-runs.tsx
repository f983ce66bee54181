import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { tendsModels } from '../../../access.ts'
import type { Me } from '../../../api.ts'
import type { TrainingRun } from '../../../models/api.ts'
import { Ago } from '../shared/ago.tsx'
import { span } from '../shared/format.ts'
import { askForTraining, listRuns } from './calls.ts'
import { addressOf } from './place.ts'
import { Question } from './question.tsx'
import '../shared/marks.css'
import './training-runs.css'

const states: Record<TrainingRun['state'], string> = {
  waiting: 'Nobody has begun with it yet',
  running: 'A trainer works on it',
  failed: 'It ended with an error',
  refused: 'What came of it was not better than the champion',
  candidate: 'A candidate came of it',
}
const causes: Record<TrainingRun['trigger'], string> = { schedule: 'by schedule', labels: 'new labels', drift: 'drift', hand: 'asked for' }

/** What was trained, why, and what became of it. */
export function TrainingRuns({ me }: { me: Me }) {
  const [asking, setAsking] = useState(false)
  const found = useQuery({ queryKey: ['training-runs'], queryFn: listRuns, refetchInterval: 3000 })
  const may = tendsModels(me)
  const runs = found.data?.runs ?? []
  return (
    <article className="version-view">
      <header className="version-head">
        <div>
          <h1>Training runs</h1>
          <p className="quiet">What is better than the champion beyond its interval becomes a candidate; a second person lets it decide.</p>
        </div>
        <button
          type="button"
          className="primary"
          disabled={!may}
          aria-describedby={may ? undefined : 'hindrance'}
          onClick={() => setAsking(true)}
        >
          Train…
        </button>
        {!may && (
          <p id="hindrance" className="notice">
            You may look: a scientist, a manager or an admin has models trained.
          </p>
        )}
      </header>
      {found.isError && (
        <p className="fault strip" role="alert">
          {found.error.message}
          <button type="button" onClick={() => void found.refetch()}>
            Try again
          </button>
        </p>
      )}
      {found.isPending && <p className="empty quiet">Loading…</p>}
      {found.data && runs.length === 0 && (
        <div className="empty">
          <p>Nothing was trained here yet.</p>
          <p className="quiet">The trainer begins by schedule, by new labels, or when somebody asks.</p>
        </div>
      )}
      {runs.length > 0 && (
        <section className="card runs" aria-label="Runs">
          <ol>
            {runs.map((run) => (
              <Run key={run.id} run={run} />
            ))}
          </ol>
        </section>
      )}
      {asking && <Ask onClose={() => setAsking(false)} />}
    </article>
  )
}

function Run({ run }: { run: TrainingRun }) {
  const { state, trigger, by, reason, tenants, asked, started, ended, attempts, progress, outcome, code, model } = run
  return (
    <li>
      <span className={`mark run-${state}`} title={states[state]}>
        {state}
      </span>
      <div>
        <p>
          <strong>{causes[trigger]}</strong> by {by}: {reason}
        </p>
        <p className={state === 'failed' ? 'fault' : 'quiet'} title={code ?? undefined}>
          {outcome ?? (progress || 'waits for a trainer')}
          {attempts > 1 && ` · begun ${attempts} times`}
        </p>
      </div>
      <span className="quiet" title={tenants.join(', ')}>
        {tenants.length === 1 ? tenants[0] : `${tenants.length} banks`}
      </span>
      <span className="quiet">
        <Ago at={asked} />
        {started !== null && ended !== null && `, took ${span(ended - started)}`}
      </span>
      <span>{model !== null && <a href={addressOf(model)}>model {model}</a>}</span>
    </li>
  )
}

function Ask({ onClose }: { onClose: () => void }) {
  const queryClient = useQueryClient()
  const asking = useMutation({
    mutationFn: askForTraining,
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['training-runs'] })
      onClose()
    },
  })
  return (
    <Question
      title="Have a model trained"
      meaning="A trainer learns from what was decided for all banks and from what is known of it by now. While one such run goes on there is no second one."
      name="Train"
      busy={asking.isPending}
      error={asking.error?.message}
      onAct={(reason) => asking.mutate(reason)}
      onClose={onClose}
    />
  )
}
