import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { tendsModels } from '../../../access.ts'
import type { Me } from '../../../api.ts'
import { Help } from '../desk/help.tsx'
import { useHash } from '../shared/address.ts'
import { Header } from '../shared/header.tsx'
import { useKeys } from '../shared/keys.ts'
import { listModels } from './calls.ts'
import { ImportModel } from './import-model.tsx'
import { addressOf, readPlace, runsAddress } from './place.ts'
import { TrainingRuns } from './training-runs.tsx'
import { VersionView } from './version/version-view.tsx'
import { VersionList } from './version-list.tsx'
import './models-desk.css'

const keys = [
  ['j  k', 'next and previous version'],
  ['Esc', 'close a question without doing anything'],
  ['?', 'this list'],
] as const

/** The registry of models: the versions, and the one that is looked at. */
export function ModelsDesk({ me }: { me: Me }) {
  const [help, setHelp] = useState(false)
  const [importing, setImporting] = useState(false)
  const hash = useHash()
  const place = readPlace(hash)
  const runs = hash === runsAddress
  const list = useQuery({ queryKey: ['models'], queryFn: listModels, refetchInterval: 5000 })
  const models = list.data?.models ?? []
  const version = place.version ?? list.data?.champion ?? models[0]?.version
  const step = (by: number) => {
    const at = models.findIndex((m) => m.version === version)
    const next = models[Math.min(models.length - 1, Math.max(0, at + by))]
    if (next) window.location.hash = addressOf(next.version)
  }
  useKeys({ j: () => step(1), k: () => step(-1), '?': () => setHelp(true) })

  return (
    <div className="models-desk">
      <Header me={me} at="models" tenant={undefined} onHelp={() => setHelp(true)} />
      <VersionList
        list={list}
        chosen={runs ? undefined : version}
        runs={runs}
        onImport={tendsModels(me) ? () => setImporting(true) : undefined}
      />
      <main className="models-main">
        {runs && <TrainingRuns me={me} />}
        {list.data && !runs && version !== undefined && (
          <VersionView key={version} version={version} other={place.other} list={list.data} me={me} />
        )}
        {list.data && !runs && version === undefined && (
          <div className="empty">
            <p>There is no model yet.</p>
            <p className="quiet">The first detector that starts brings the one that ships.</p>
          </div>
        )}
      </main>
      {importing && <ImportModel onClose={() => setImporting(false)} />}
      {help && <Help keys={keys} onClose={() => setHelp(false)} />}
    </div>
  )
}
