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
export const leads = (role: Role): boolean => role === 'lead' || role === 'manager' || role === 'admin'

/** Whether this user may look at models. Each decides for all banks and may have learnt from all, so that its card names them. */
export const seesModels = (user: Seer): boolean => user.tenant === null

/** Whether this user may change which model decides. */
export const tendsModels = (user: Pick<User, 'tenant' | 'role'>): boolean =>
  seesModels(user) && (user.role === 'scientist' || user.role === 'manager' || user.role === 'admin')

/** Throws `all_banks_only`. */
export function mustSeeModels(user: Seer): void {
  if (!seesModels(user))
    throw new AssayError('all_banks_only', 'A model decides for all banks: who sees all of them may look at models', { status: 403 })
}

/** Throws `all_banks_only` or `role_too_low`. */
export function mustTendModels(user: Pick<User, 'tenant' | 'role'>): void {
  mustSeeModels(user)
  if (!tendsModels(user))
    throw new AssayError('role_too_low', 'A scientist, a manager or an admin changes models; ask one of them', { status: 403 })
}
