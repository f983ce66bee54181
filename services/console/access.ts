/** What somebody may see and do: pure rules over the user. */
import { AssayError } from '../shared/errors.ts'
import type { Role, User } from './users.ts'

type Seer = Pick<User, 'tenant'>

/** Whether this user sees this bank. */
export const sees = (user: Seer, tenant: string): boolean => user.tenant === null || user.tenant === tenant

/** Throws `not_found`, and not `forbidden`, for another bank's: what one may not see, one may not learn to exist. */
export function mustSee(user: Seer, tenant: string): void {
  if (!sees(user, tenant)) throw notFound()
}

export const notFound = (): AssayError => new AssayError('not_found', 'There is nothing here', { status: 404 })

/** Whether this role may take a case out of another's hands. */
export const leads = (role: Role): boolean => role !== 'analyst'
