/** What an error carries beside its message: ids and values that a reader needs in order to act. */
export type Details = Record<string, unknown>

/**
 * The one error class of Assay. `code` is stable and snake_case, for machines; the message says what happened and what to do,
 * for people. `status` is the HTTP status where it can reach a caller.
 */
export class AssayError extends Error {
  readonly code: string
  readonly details: Details
  readonly status: number

  constructor(code: string, message: string, options: { cause?: unknown; details?: Details; status?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AssayError'
    this.code = code
    this.details = options.details ?? {}
    this.status = options.status ?? 500
  }
}

/** The message of anything that was thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message || thrown.name : String(thrown))
