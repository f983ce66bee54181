/** A text file that says when it could not be written. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { AssayError, messageOf } from '../services/shared/errors.ts'

export type TextFile = {
  /** Resolves when there is room for more. */
  write(text: string): Promise<void>
  /** Resolves when all is in the file. */
  end(): Promise<void>
}

/**
 * Opens a file to be written from its beginning, or standard output for `-`. Both functions reject with `file_not_written`, or with
 * `reader_gone` where whoever read standard output has ended, such as head.
 */
export function createTextFile(path: string): TextFile {
  const standard = path === '-'
  // Megabytes wait for the disk before the caller does, so that both work at once.
  const stream = standard ? process.stdout : createWriteStream(path, { highWaterMark: 4 << 20 })
  let failure: AssayError | undefined
  const onError = (error: NodeJS.ErrnoException) => {
    failure ??=
      standard && error.code === 'EPIPE'
        ? new AssayError('reader_gone', 'Nobody reads standard output any more', { cause: error })
        : new AssayError('file_not_written', `${standard ? 'Standard output' : path} could not be written: ${messageOf(error)}`, {
            cause: error,
          })
  }
  stream.on('error', onError)
  const failed = (error: unknown) => {
    throw failure ?? error
  }
  return {
    async write(text) {
      if (failure) throw failure
      if (!stream.write(text)) await once(stream, 'drain').catch(failed)
    },
    async end() {
      if (failure) throw failure
      if (!standard) await finished(stream.end()).catch(failed)
      else {
        await new Promise<void>((resolve) => stream.write('', () => resolve()))
        stream.off('error', onError)
        if (failure) throw failure
      }
    },
  }
}
