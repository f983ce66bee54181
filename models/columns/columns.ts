/** Transactions as columns in memory: some 40 bytes a row, for training and for checks over a whole data set. */
import { exponentOf } from '../../services/shared/currencies.ts'

/** What features are made of, beside id, time, amount and place. */
export const textFields = [
  'customer',
  'instrument',
  'counterparty',
  'device',
  'ip',
  'category',
  'country',
  'channel',
  'kind',
  'direction',
  'entryMode',
  'response',
  'originalId',
] as const
export type TextField = (typeof textFields)[number]

/** Text that repeats: `values[codes[row]]` is a row's; -1 stands for none. */
export type TextColumn = { codes: Int32Array; values: string[] }

/** Transactions in order of time. */
export type Columns = {
  rows: number
  /** Milliseconds since 1970. */
  times: Float64Array
  /** Minor units of `currency`. */
  amounts: Float64Array
  currency: string
  /** 1 where the label says fraud. */
  frauds: Uint8Array
  /** Rows whose label is inconclusive. */
  inconclusive: number[]
  /** What kind of fraud a row is, where the map says so: for reports only. */
  fraudKinds: TextColumn | undefined
  /** Milliseconds after its transaction at which a label is known; undefined without labels. */
  labelDelay: number | undefined
  texts: Map<TextField, TextColumn>
  /** Degrees, NaN where the row has none; undefined where the map names no place. */
  lat: Float64Array | undefined
  lon: Float64Array | undefined
  idAt(row: number): string
}

/** Units of the currency in which people count: 100 cents for EUR. */
export const unitOf = ({ currency }: Columns): number => 10 ** exponentOf(currency)
