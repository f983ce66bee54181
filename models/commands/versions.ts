/** Versions of the registry, as commands name them. */
import { AssayError } from '../../services/shared/errors.ts'

/** Throws `version_invalid` for what is no number of a model. */
export const versionOf = (text: string): number => {
  const version = Number(text)
  if (!Number.isInteger(version) || version < 1) throw new AssayError('version_invalid', `'${text}' is not the number of a model`)
  return version
}
