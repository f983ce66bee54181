/** A text file that says when it could not be written. */
import { once } from 'node:events'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { AssayError, messageOf } from '../services/shared/errors.ts'

export type TextFile = {
  /** Resolves when there is room for more. */
  write(text: string): Promise<void>
  /** Resolves when all is written. */
  end(): Promise<void>
}

const notWritten = (name: string, cause: unknown) =>
  new AssayError('file_not_written', `${name} could not be written: ${messageOf(cause)}`, { cause })

/** Whoever read standard output may have had enough, such as head. */
function standardOutput(): TextFile {
  const stream = process.stdout
  let failure: AssayError | undefined
  const onError = (error: NodeJS.ErrnoException) => {
    failure ??=
      error.code === 'EPIPE'
        ? new AssayError('reader_gone', 'Nobody reads standard output any more', { cause: error })
        : notWritten('Standard output', error)
  }
  stream.on('error', onError)
  return {
    async write(text) {
      if (!failure && !stream.write(text)) await once(stream, 'drain').catch(() => undefined)
      if (failure) throw failure
    },
    async end() {
      if (!failure) await new Promise<void>((resolve) => stream.write('', () => resolve()))
      stream.off('error', onError)
      if (failure) throw failure
    },
  }
}

/**
 * Opens a file to be written from its beginning, or standard output for `-`. Throws and rejects with `file_not_written`, or with
 * `reader_gone` where nobody reads standard output any more.
 */
export function createTextFile(path: string): TextFile {
  if (path === '-') return standardOutput()
  const guarded = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw notWritten(path, error)
    }
  }
  const file = guarded(() => openSync(path, 'w'))
  return {
    // Not handed to another thread: on a busy machine that takes longer than the kernel does to copy it.
    write: async (text) => guarded(() => writeFileSync(file, text)),
    end: async () => guarded(() => closeSync(file)),
  }
}
