/** The live stream: server-sent events of what the user may see. */
import type { FastifyInstance } from 'fastify'
import type { Live } from '../live.ts'
import type { Sessions } from '../sessions.ts'
import { cookieName } from '../sessions.ts'

/** A reader that has this much unread is gone or asleep; it connects again and gets a new snapshot. */
const mostUnreadBytes = 1_000_000
const checkSessionMs = 30_000

/** GET /api/live. */
export function liveRoutes(live: Live, sessions: Sessions) {
  return async function routes(app: FastifyInstance): Promise<void> {
    const endings = new Set<() => void>()
    app.addHook('preClose', async () => {
      for (const end of endings) end()
    })
    app.get('/api/live', async (request, reply) => {
      const { user } = request
      const headers = { ...reply.getHeaders(), 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' }
      reply.hijack()
      const stream = reply.raw
      stream.writeHead(200, headers as Record<string, string>)
      const send = (name: string, data: unknown) => {
        if (stream.writableLength > mostUnreadBytes) end()
        else stream.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
      }
      // A stream outlives the request that was checked, so the session is looked at again from time to time.
      const check = setInterval(() => {
        sessions.read(request.cookies[cookieName]).then(
          (still) => {
            if (still?.tenant !== user.tenant || still.role !== user.role) end()
          },
          () => undefined,
        )
      }, checkSessionMs)
      const unsubscribe = live.subscribe(user, (event) => send(event.name, event.data))
      const end = () => {
        clearInterval(check)
        unsubscribe()
        endings.delete(end)
        stream.end()
      }
      endings.add(end)
      stream.on('close', end)
      stream.write('retry: 2000\n\n')
      send('snapshot', live.snapshot(user))
    })
  }
}
