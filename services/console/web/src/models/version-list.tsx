import type { UseQueryResult } from '@tanstack/react-query'
import type { ModelList, ModelRow } from '../../../models/api.ts'
import { Ago } from '../shared/ago.tsx'
import { figure } from './figure-names.ts'
import { addressOf, runsAddress } from './place.ts'
import { StateMark } from './state-mark.tsx'
import './version-list.css'

type Props = { list: UseQueryResult<ModelList>; chosen: number | undefined; runs: boolean; onImport: (() => void) | undefined }

/** All versions, the newest first, each with how good it was and who brought it. */
export function VersionList({ list, chosen, runs, onImport }: Props) {
  const models = list.data?.models ?? []
  return (
    <nav className="pane version-pane" aria-label="Versions">
      <header>
        <h1>
          Models <span className="quiet">{list.data ? models.length : ''}</span>
        </h1>
        {onImport && (
          <button type="button" onClick={onImport}>
            Import…
          </button>
        )}
      </header>
      {list.isError && (
        <p className="fault strip" role="alert">
          {list.error.message}
          <button type="button" onClick={() => void list.refetch()}>
            Try again
          </button>
        </p>
      )}
      {list.isPending && <p className="empty quiet">Loading…</p>}
      <ol>
        {models.map((model) => (
          <li key={model.version}>
            <Version model={model} chosen={model.version === chosen} />
          </li>
        ))}
      </ol>
      <a className="runs-link pick" href={runsAddress} aria-current={runs ? 'page' : undefined}>
        Training runs
      </a>
    </nav>
  )
}

function Version({ model, chosen }: { model: ModelRow; chosen: boolean }) {
  const { auc, ap, ece } = model.figures.network
  return (
    <a className="version pick" href={addressOf(model.version)} aria-current={chosen ? 'true' : undefined}>
      <span className="version-number">{model.version}</span>
      <strong>{model.name}</strong>
      <StateMark state={model.state} share={model.share} />
      <span className="version-figures">
        AUC {figure(auc)} · AP {figure(ap)} · ECE {figure(ece)}
      </span>
      <span className="quiet foot">
        {model.state} since <Ago at={model.since} />, by {model.sinceBy}
      </span>
    </a>
  )
}
