/** Logging in, who one is, and logging out. */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { AssayError } from '../../shared/errors.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { readTenants } from '../../shared/tidb/settings.ts'
import { sees } from '../access.ts'
import type { Me } from '../api.ts'
import { hashPassword, verifyPassword } from '../passwords.ts'
import { cookieName, type Sessions, sessionSeconds } from '../sessions.ts'
import { findUser, type User } from '../users.ts'

const Login = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 64 }), password: Type.String({ minLength: 1, maxLength: 200 }) },
  { additionalProperties: false },
)
type Login = Type.Static<typeof Login>

const cookie = { path: '/', httpOnly: true, sameSite: 'strict', secure: 'auto' } as const

/** POST, GET and DELETE /api/session. */
export function sessionRoutes(database: Database, sessions: Sessions) {
  const me = async ({ name, role, tenant }: User): Promise<Me> => ({
    name,
    role,
    tenant,
    tenants: (await readTenants(database)).filter((t) => sees({ tenant }, t.tenant)).map((t) => ({ tenant: t.tenant, name: t.name })),
  })
  return async function routes(app: FastifyInstance): Promise<void> {
    // A name that does not exist takes as long as a wrong password, so that names cannot be found by the clock.
    const nobody = await hashPassword('nobody has this password')
    const perName = app.createRateLimit({ max: 8, timeWindow: 60_000, keyGenerator: (r) => `${r.ip} ${(r.body as Login).name}` })
    const perAddress = app.createRateLimit({ max: 60, timeWindow: 60_000 })

    app.post<{ Body: Login }>('/api/session', { schema: { body: Login }, config: { open: true } }, async (request, reply) => {
      for (const limit of [await perAddress(request), await perName(request)]) {
        if (limit.isAllowed || !limit.isExceeded) continue
        reply.header('retry-after', limit.ttlInSeconds)
        throw new AssayError('too_many_logins', `Too many attempts; try again in ${limit.ttlInSeconds} s`, { status: 429 })
      }
      const user = await findUser(database, request.body.name)
      const right = await verifyPassword(request.body.password, user?.password ?? nobody)
      if (!user || !right) throw new AssayError('login_refused', 'Name or password is wrong', { status: 401 })
      request.log.info({ user: user.name }, 'logged in')
      reply.setCookie(cookieName, sessions.issue(user), { ...cookie, maxAge: sessionSeconds })
      return me(user)
    })
    app.get('/api/session', (request) => me(request.user))
    app.delete('/api/session', { config: { open: true } }, async (_request, reply) => {
      reply.clearCookie(cookieName, cookie)
      return reply.code(204).send()
    })
  }
}
