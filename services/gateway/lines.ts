/** Lines of a stream, in batches of what has arrived; a line that is too long is named and skipped, never held in memory. */

/** A line without its end; `bytes` is undefined for one that was too long. Empty lines are left out but counted. */
export type Line = { number: number; bytes: Buffer | undefined }

/** Yields the lines that each piece of the stream completes, at most `mostLines` together. Nothing is read ahead of the caller. */
export async function* linesOf(stream: AsyncIterable<Buffer>, options: { longestLine: number; mostLines: number }): AsyncGenerator<Line[]> {
  let number = 0
  let rest: Buffer[] = []
  let restLength = 0
  let tooLong = false
  let lines: Line[] = []

  const add = (piece: Buffer) => {
    restLength += piece.length
    if (restLength > options.longestLine) {
      tooLong = true
      rest = []
    } else rest.push(piece)
  }
  const endLine = () => {
    number++
    const bytes = rest.length === 1 ? rest[0] : Buffer.concat(rest)
    const isBlank = !tooLong && bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)
    if (!isBlank) lines.push({ number, bytes: tooLong ? undefined : bytes })
    rest = []
    restLength = 0
    tooLong = false
  }

  for await (const chunk of stream) {
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      add(chunk.subarray(from, end))
      endLine()
      from = end + 1
      if (lines.length >= options.mostLines) {
        yield lines
        lines = []
      }
    }
    if (from < chunk.length) add(Buffer.from(chunk.subarray(from)))
    if (lines.length > 0) yield lines
    lines = []
  }
  if (restLength > 0) endLine()
  if (lines.length > 0) yield lines
}
