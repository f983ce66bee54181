/** The registry's interface as the page calls it. */
import type { Agreement, Comparison, ModelDetail, ModelList, TrainingRun } from '../../../models/api.ts'
import { call } from '../shared/client.ts'

export const listModels = () => call<ModelList>('GET', '/api/models')
export const readModel = (version: number) => call<ModelDetail>('GET', `/api/models/${version}`)
export const compareModels = (a: number, b: number) => call<Comparison>('GET', `/api/models/compare?a=${a}&b=${b}`)

export const readAgreement = ({ tenant, a, b }: { tenant: string; a: number; b: number }) =>
  call<Agreement>('GET', `/api/models/agreement?${new URLSearchParams({ tenant, a: String(a), b: String(b) })}`)

export const promoteModel = (version: number, body: { reason: string; insteadOf: number | null }) =>
  call<{ champion: number }>('POST', `/api/models/${version}/promote`, body)
export const rollBack = (body: { reason: string; insteadOf: number }) => call<{ champion: number }>('POST', '/api/models/rollback', body)
export const shadowModel = (version: number, reason: string) => call<void>('POST', `/api/models/${version}/shadow`, { reason })
export const canaryModel = (version: number, reason: string, share: number) =>
  call<void>('POST', `/api/models/${version}/canary`, { reason, share })
export const withdrawModel = (version: number, reason: string) => call<void>('POST', `/api/models/${version}/withdraw`, { reason })
export const retireModel = (version: number, reason: string) => call<void>('POST', `/api/models/${version}/retire`, { reason })
export const listRuns = () => call<{ runs: TrainingRun[] }>('GET', '/api/training-runs')
export const askForTraining = (reason: string) => call<{ id: string; asked: boolean }>('POST', '/api/training-runs', { reason })
export const importModel = (archive: File, reason: string) =>
  call<{ version: number; state: string }>(
    'POST',
    `/api/models/import?${new URLSearchParams({ reason })}`,
    new Blob([archive], { type: 'application/x-tar' }),
  )
