/** An analyst who claims and judges cases in the console all the while, so that verdicts and their labels go through the faults too. */
export type Judging = {
  stop(): Promise<void>
  /** Cases whose verdict the console acknowledged. */
  judged: ReadonlySet<string>
}

type Options = { console: string; tenant: string; name: string; password: string; every: number }

/** Judges one open case every so often. What the console does not answer is tried again with another case. */
export function judge({ console: url, tenant, name, password, every }: Options): Judging {
  let stopped = false
  const judged = new Set<string>()
  let cookie: string | undefined
  const call = async (method: string, path: string, body?: object): Promise<Response> => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...(cookie ? { cookie } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(10_000),
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer
  }
  const turn = async () => {
    if (cookie === undefined) {
      const answer = await call('POST', '/api/session', { name, password })
      cookie = answer.headers.get('set-cookie')?.split(';')[0]
    }
    const { cases } = (await (await call('GET', '/api/cases?state=open')).json()) as { cases: { id: string; tenant: string }[] }
    const found = cases.at(-1)
    if (!found) return
    await call('POST', `/api/cases/${tenant}/${found.id}/claim`, {})
    await call('POST', `/api/cases/${tenant}/${found.id}/verdict`, { disposition: judged.size % 2 === 0 ? 'fraud' : 'genuine' })
    judged.add(found.id)
  }
  const running = (async () => {
    while (!stopped) {
      await turn().catch(() => {
        cookie = undefined
      })
      await new Promise((resolve) => setTimeout(resolve, every))
    }
  })()
  return {
    judged,
    async stop() {
      stopped = true
      await running
    },
  }
}
