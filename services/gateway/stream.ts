/** NDJSON in, NDJSON out: every line gets its answer in order, and one that was not taken in says so. */
import { AssayError, messageOf } from '../shared/errors.ts'
import type { Fault } from './faults.ts'
import { type Json, parseJson } from './json.ts'
import { type Line, linesOf } from './lines.ts'
import type { Prepared, Ready } from './prepare.ts'

/** `accepted`: all replicas have it. `refused`: it has faults. `not_taken`: Kafka was away; send it again, with the same id. */
export type LineAnswer = { line: number; id?: string; status: 'accepted' | 'refused' | 'not_taken'; faults?: Fault[] }
export type Summary = { summary: { accepted: number; refused: number; notTaken: number }; detail?: string }

export const longestLine = 65_536
const mostLines = 500

type Work = { prepare(json: Json): Prepared; send(events: readonly Ready[]): Promise<void> }

const oneFault = (fault: string): Prepared => ({ faults: [{ path: '', fault }], id: undefined })

function read(line: Line, work: Work): Prepared {
  if (!line.bytes) return oneFault(`the line has more than ${longestLine} bytes`)
  try {
    return work.prepare(parseJson(line.bytes))
  } catch (error) {
    if (error instanceof AssayError && error.status === 400) return oneFault(error.message)
    throw error
  }
}

/**
 * Answers a stream line by line, a summary last. The first batch is sent before anything is answered, so that an outage from the
 * start can still become a 503. After an outage in mid-stream nothing more is sent: what follows is read and answered as not taken.
 */
export async function answerLines(stream: AsyncIterable<Buffer>, work: Work): Promise<AsyncGenerator<string>> {
  const batches = linesOf(stream, { longestLine, mostLines })
  const summary = { accepted: 0, refused: 0, notTaken: 0 }
  let outage: string | undefined

  const take = async (lines: Line[], canThrow: boolean): Promise<string> => {
    const prepared = lines.map((line) => read(line, work))
    const ready = prepared.flatMap((p) => ('ready' in p ? [p.ready] : []))
    if (outage === undefined && ready.length > 0) {
      try {
        await work.send(ready)
      } catch (error) {
        if (canThrow) throw error
        outage = messageOf(error)
      }
    }
    return prepared
      .map((p, i) => {
        const id = 'ready' in p ? p.ready.id : p.id
        const status = 'faults' in p ? 'refused' : outage === undefined ? 'accepted' : 'not_taken'
        summary[status === 'not_taken' ? 'notTaken' : status]++
        const answer: LineAnswer = {
          line: lines[i].number,
          ...(id === undefined ? {} : { id }),
          status,
          ...('faults' in p ? { faults: p.faults } : {}),
        }
        return `${JSON.stringify(answer)}\n`
      })
      .join('')
  }

  const first = await batches.next()
  const firstAnswer = first.done ? '' : await take(first.value, true)
  return (async function* answer() {
    if (firstAnswer) yield firstAnswer
    for await (const lines of batches) yield await take(lines, false)
    const last: Summary = { summary, ...(outage === undefined ? {} : { detail: outage }) }
    yield `${JSON.stringify(last)}\n`
  })()
}
