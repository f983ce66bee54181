/** What a detector says of its batches. */

/** How many batches TiDB took, in how many seconds, with how many records. */
type Totals = { batches: number; seconds: number; records: number }
/** Means over some batches: milliseconds of TiDB's transaction, and records in it. */
export type Batches = { ms: number; records: number }

const sampleOf = (text: string, name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0)

/** The totals in the text of a detector's /metrics. */
export const totalsIn = (text: string): Totals => ({
  batches: sampleOf(text, 'assay_detector_record_seconds_count'),
  seconds: sampleOf(text, 'assay_detector_record_seconds_sum'),
  records: sampleOf(text, 'assay_detector_batch_records_sum'),
})

/** Asks the detector whose health is served on that port. */
export const readBatches = async (port: number): Promise<Totals> => totalsIn(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())

const tenths = (x: number) => Math.round(x * 10) / 10

export function batchesBetween(from: Totals, to: Totals): Batches {
  const batches = Math.max(1, to.batches - from.batches)
  return { ms: tenths(((to.seconds - from.seconds) * 1000) / batches), records: tenths((to.records - from.records) / batches) }
}
