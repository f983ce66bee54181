/** Who is asking: a signed cookie that names the user, checked against the user's row each time. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Database } from '../shared/tidb/database.ts'
import { findUser, type User } from './users.ts'

export const cookieName = 'assay_session'
/** A working day; then one logs in again. */
export const sessionSeconds = 12 * 3600

export type Sessions = {
  /** The value of the cookie of somebody who has shown the password. */
  issue(user: User): string
  /** The user whom a cookie names, or undefined when it is none of ours, has run out, or the password has changed since. */
  read(cookie: string | undefined): Promise<User | undefined>
}

/**
 * Sessions need no table: the signature covers the stored hash of the password, so that setting another one ends them all. The user is
 * read with each request, so that a role taken away is gone at once.
 */
export function createSessions(database: Database, tokenKey: string, now: () => number = Date.now): Sessions {
  const key = createHmac('sha256', tokenKey).update('console session').digest()
  const sign = (payload: string, user: User) => createHmac('sha256', key).update(`${payload}\0${user.password}`).digest()
  return {
    issue(user) {
      const payload = Buffer.from(JSON.stringify({ name: user.name, until: now() + sessionSeconds * 1000 })).toString('base64url')
      return `${payload}.${sign(payload, user).toString('base64url')}`
    },
    async read(cookie) {
      const [payload, signature] = cookie?.split('.') ?? []
      if (!payload || !signature) return undefined
      const claim = parse(payload)
      if (!claim || claim.until < now()) return undefined
      const user = await findUser(database, claim.name)
      if (!user) return undefined
      const expected = sign(payload, user)
      const given = Buffer.from(signature, 'base64url')
      return given.length === expected.length && timingSafeEqual(given, expected) ? user : undefined
    },
  }
}

function parse(payload: string): { name: string; until: number } | undefined {
  try {
    const claim: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const { name, until } = claim as { name?: unknown; until?: unknown }
    return typeof name === 'string' && typeof until === 'number' ? { name, until } : undefined
  } catch {
    return undefined
  }
}
