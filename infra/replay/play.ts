/** Plays rows to a target: mapped, paced, in batches, with labels when their time has come, and every row accounted for. */
import { AssayError, messageOf } from '../../services/shared/errors.ts'
import type { ReplayMap } from './map.ts'
import { createMapper, type Mapped } from './mapper.ts'
import type { FileRow } from './rows.ts'
import type { Item, Target } from './targets.ts'

export type Reject = { line: number; reasons: string[]; row: unknown }
/** `read` = `sent` + `rejected`; labels are counted apart, with those that were refused. */
export type Figures = { read: number; sent: number; rejected: number; labels: number; labelsRejected: number }

type Options = {
  rows: AsyncIterable<FileRow>
  map: ReplayMap
  target: Target
  reject(reject: Reject): Promise<void>
  limit?: number | undefined
  /** How many times faster than recorded; Infinity is as fast as possible. */
  speed: number
  report?(figures: Figures): void
}
/** `then` is the label that the row knows too, to be sent when its time has come. */
type Pending = { item: Item; line: number; row: unknown; then?: Item | undefined }

const batchSize = 500

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Resolves with the figures when all is in. On an outage it throws with the line up to which all is in. */
export async function play(options: Options): Promise<Figures> {
  const { map, target, speed } = options
  const toTransaction = createMapper(map)
  const figures: Figures = { read: 0, sent: 0, rejected: 0, labels: 0, labelsRejected: 0 }
  const began = Date.now()
  let firstTime: number | undefined
  let batch: Pending[] = []
  let held: Pending[] = []
  let lastLine = 0

  const reject = async (line: number, reasons: string[], row: unknown) => {
    await options.reject({ line, reasons, row })
  }
  const flush = async () => {
    if (batch.length === 0) return
    const pending = batch
    batch = []
    let results: Awaited<ReturnType<Target['send']>>
    try {
      results = await target.send(pending.map(({ item }) => item))
    } catch (error) {
      const from = Math.min(...pending.map(({ line }) => line))
      throw new AssayError(
        'replay_interrupted',
        `${messageOf(error)}\nAll rows before line ${from} are in; run the same again, what is in already is recognised`,
        {
          cause: error,
        },
      )
    }
    for (let i = 0; i < pending.length; i++) {
      const { item, line, row, then } = pending[i]
      const reasons = results[i]
      const isLabel = item.topic === 'labels'
      if (reasons === undefined) {
        figures[isLabel ? 'labels' : 'sent']++
        if (then) held.push({ item: then, line, row })
      } else {
        figures[isLabel ? 'labelsRejected' : 'rejected']++
        await reject(line, isLabel ? reasons.map((r) => `label: ${r}`) : reasons, row)
      }
    }
    options.report?.(figures)
  }
  const add = async (pending: Pending) => {
    batch.push(pending)
    if (batch.length >= batchSize) await flush()
  }
  /** Labels whose time has come. Files are in order of time by and large, so the first in line comes first. */
  const release = async (until: number) => {
    let count = 0
    while (count < held.length && held[count].item.time <= until) await add(held[count++])
    if (count > 0) held = held.slice(count)
  }
  const pace = async (time: number) => {
    firstTime ??= time
    if (!Number.isFinite(speed)) return
    const due = began + (time - firstTime) / speed
    if (due - Date.now() < 5) return
    await flush()
    // A timer holds 24 days at most.
    for (let rest = due - Date.now(); rest > 0; rest = due - Date.now()) await sleep(Math.min(rest, 86_400_000))
  }
  const mapped = (found: FileRow): Mapped => ('fault' in found ? { reasons: [found.fault] } : toTransaction(found.row))

  for await (const found of options.rows) {
    if (options.limit !== undefined && figures.read >= options.limit) break
    figures.read++
    lastLine = found.line
    const result = mapped(found)
    if ('reasons' in result) {
      figures.rejected++
      await reject(found.line, result.reasons, found.source)
      continue
    }
    await pace(result.time)
    await release(result.time)
    const { fields, time, label } = result
    const then: Item | undefined = label && { topic: 'labels', fields: label, time: Date.parse(label.knownAt) }
    await add({ item: { topic: 'transactions', fields, time }, line: found.line, row: found.source, then })
  }
  await flush()
  await release(Number.POSITIVE_INFINITY)
  await flush()
  if (figures.read !== figures.sent + figures.rejected)
    throw new AssayError(
      'replay_sums_differ',
      `Up to line ${lastLine} ${figures.read} rows were read, but ${figures.sent} sent and ${figures.rejected} rejected`,
    )
  return figures
}
