/** Somebody at the console: logs in, calls the interface, listens to the live feed. */
import type { Alert } from '../../services/shared/events.ts'

type Call = { cookie?: string; body?: unknown; headers?: Record<string, string> }

/** Calls the console at `url`. */
export const caller =
  (url: string) =>
  (method: string, path: string, { cookie, body, headers }: Call = {}): Promise<Response> =>
    fetch(url + path, {
      method,
      headers: { ...(cookie ? { cookie } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })

/** Logs in; resolves to the cookie. */
export async function login(url: string, name: string, password: string): Promise<string> {
  const response = await caller(url)('POST', '/api/session', { body: { name, password } })
  if (response.status !== 200) throw new Error(`the login of ${name} was answered ${response.status}`)
  return String(response.headers.get('set-cookie')).split(';')[0]
}

/** Listens to the live feed as the page does; `seen` fills with the transactions of the alerts that come. */
export async function listen(url: string, cookie: string): Promise<{ seen: Set<string>; end(): Promise<void> }> {
  const seen = new Set<string>()
  const ending = new AbortController()
  const response = await fetch(`${url}/api/live`, { headers: { cookie }, signal: ending.signal })
  const read = async () => {
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      const events = (text + decoder.decode(chunk, { stream: true })).split('\n\n')
      text = events.pop() as string
      for (const event of events) {
        const data = /^event: alert\ndata: (.*)$/.exec(event)?.[1]
        if (data) seen.add((JSON.parse(data) as Alert).transaction)
      }
    }
  }
  const reading = read().catch(() => undefined)
  return {
    seen,
    async end() {
      ending.abort()
      await reading
    },
  }
}
