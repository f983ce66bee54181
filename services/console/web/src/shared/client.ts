/** The console's interface as the page calls it. */
import type { CaseDetail, CasePage, CaseState, Disposition, Me } from '../../../api.ts'

/** An answer that is not 2xx: RFC 9457 problem details. */
export class ProblemError extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** Calls the console; a blob goes as it is, anything else as JSON. */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response
  try {
    const blob = body instanceof Blob
    const type = blob ? body.type : 'application/json'
    response = await fetch(path, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': type }, body: blob ? body : JSON.stringify(body) }),
    })
  } catch {
    throw new ProblemError(0, 'console_away', 'The console does not answer; check that it runs')
  }
  if (response.status === 204) return undefined as T
  const answer = (await response.json().catch(() => ({}))) as { code?: string; detail?: string }
  if (!response.ok) throw new ProblemError(response.status, answer.code ?? 'unknown', answer.detail ?? response.statusText)
  return answer as T
}

const casePath = (tenant: string, id: string) => `/api/cases/${encodeURIComponent(tenant)}/${encodeURIComponent(id)}`

export const login = (name: string, password: string) => call<Me>('POST', '/api/session', { name, password })
export const logout = () => call<void>('DELETE', '/api/session')
/** Null when nobody is logged in. */
export const whoAmI = () =>
  call<Me>('GET', '/api/session').catch((error: unknown) => {
    if (error instanceof ProblemError && error.status === 401) return null
    throw error
  })

export function listCases(query: { tenant: string | undefined; state: CaseState; after: string | undefined }): Promise<CasePage> {
  const parameters = new URLSearchParams({ state: query.state, limit: '50' })
  if (query.tenant) parameters.set('tenant', query.tenant)
  if (query.after) parameters.set('after', query.after)
  return call('GET', `/api/cases?${parameters}`)
}
export const readCase = (tenant: string, id: string) => call<CaseDetail>('GET', casePath(tenant, id))
export const claimCase = (tenant: string, id: string) => call<void>('POST', `${casePath(tenant, id)}/claim`, {})
export const releaseCase = (tenant: string, id: string) => call<void>('POST', `${casePath(tenant, id)}/release`, {})
export const giveVerdict = (tenant: string, id: string, disposition: Disposition, note: string) =>
  call<void>('POST', `${casePath(tenant, id)}/verdict`, { disposition, ...(note ? { note } : {}) })
export const findCase = (tenant: string, transaction: string) =>
  call<{ caseId: string }>('GET', `/api/alerts/${encodeURIComponent(tenant)}/${encodeURIComponent(transaction)}/case`)
