/** The people who may log in: a name, a role, and the one bank that they see, or all of them. */
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { AssayError } from '../shared/errors.ts'
import { type Database, isDuplicate } from '../shared/tidb/database.ts'
import { hashPassword, inventPassword } from './passwords.ts'

export const roles = ['analyst', 'lead', 'scientist', 'manager', 'admin'] as const
export type Role = (typeof roles)[number]

/** `tenant` is null for somebody who sees all banks. */
export type User = { name: string; tenant: string | null; role: Role; password: string }

/** The least number of characters of a password that a person chooses. */
export const shortestPassword = 10

const newUser = Compile(
  Type.Object({
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9._@-]{0,63}$' }),
    role: Type.Enum([...roles]),
    tenant: Type.Union([Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), Type.Null()]),
    password: Type.String({ minLength: shortestPassword, maxLength: 200 }),
  }),
)

const rules: Record<string, string> = {
  '/name': 'a name has 1 to 64 lower-case letters, digits, dots, hyphens, underscores or @, and begins with a letter or digit',
  '/role': `a role is one of ${roles.join(', ')}`,
  '/tenant': 'a tenant has lower-case letters, digits and hyphens, at most 32',
  '/password': `a password has ${shortestPassword} to 200 characters`,
}

function check(user: User): void {
  if (newUser.Check(user)) return
  const faults = [...new Set([...newUser.Errors(user)].map((e) => rules[e.instancePath] ?? e.message))]
  throw new AssayError('user_invalid', faults.join('; '), { status: 400, details: { faults } })
}

/** The user who may log in under this name. */
export async function findUser(database: Database, name: string): Promise<User | undefined> {
  // Bytes outside ASCII cannot be in the column, and comparing with them is an error on some servers.
  if (!/^[!-~]{1,64}$/.test(name)) return undefined
  const [user] = await database.query<User>('SELECT name, tenant, role, password FROM users WHERE name = ? AND disabled IS NULL', [name])
  return user
}

/** Everybody, by name. */
export const listUsers = (database: Database): Promise<(Omit<User, 'password'> & { created: number; disabled: number | null })[]> =>
  database.query('SELECT name, tenant, role, created, disabled FROM users ORDER BY name')

/** Adds somebody. Throws `user_invalid`, `unknown_tenant` or `user_exists`. */
export async function addUser(database: Database, user: User): Promise<void> {
  check(user)
  if (user.tenant !== null) {
    const known = await database.query('SELECT 1 FROM tenants WHERE tenant = ?', [user.tenant])
    if (known.length === 0) throw new AssayError('unknown_tenant', `There is no tenant '${user.tenant}'`, { status: 404 })
  }
  const password = await hashPassword(user.password)
  try {
    await database.execute('INSERT INTO users (name, tenant, role, password, created) VALUES (?, ?, ?, ?, ?)', [
      user.name,
      user.tenant,
      user.role,
      password,
      Date.now(),
    ])
  } catch (error) {
    if (!isDuplicate(error)) throw error
    throw new AssayError(
      'user_exists',
      `There is a user '${user.name}' already; another password is set with: users password ${user.name}`,
      {
        cause: error,
        status: 409,
      },
    )
  }
}

/** Sets another password, which ends all sessions of that user. Throws `unknown_user` or `user_invalid`. */
export async function setPassword(database: Database, name: string, password: string): Promise<void> {
  check({ name, role: 'analyst', tenant: null, password })
  const { affectedRows } = await database.execute('UPDATE users SET password = ? WHERE name = ?', [await hashPassword(password), name])
  if (affectedRows === 0) throw new AssayError('unknown_user', `There is no user '${name}'`, { status: 404 })
}

/** When there is nobody yet, makes `admin` with an invented password and returns both; it is told this once only. */
export async function ensureFirstUser(database: Database): Promise<{ name: string; password: string } | undefined> {
  const [{ users }] = await database.query<{ users: number }>('SELECT COUNT(*) AS users FROM users')
  if (Number(users) > 0) return undefined
  const first = { name: 'admin', password: inventPassword() }
  try {
    await addUser(database, { ...first, role: 'admin', tenant: null })
    return first
  } catch (error) {
    // Two that start at once: the other one was first and tells its password.
    if (error instanceof AssayError && error.code === 'user_exists') return undefined
    throw error
  }
}
