/** Decided transactions as numbers, while nobody knows how many there will be. */
import { AssayError } from '../../services/shared/errors.ts'
import { decodeEvent } from '../../services/shared/tidb/row-event.ts'
import { Grow } from '../columns/grow.ts'
import { width } from '../fold/features.ts'
import { unpackVector } from '../fold/vector-bytes.ts'
import { placeIn } from '../sorted.ts'
import { Codes } from './codes.ts'
import type { DecidedRow, Stretch } from './decided-pages.ts'
import { MatrixWriter } from './matrix.ts'

const nameOf = ({ tenant, part, log }: Stretch): string => `${tenant}:${part}:${log}`

const floats = () => new Grow((n) => new Float64Array(n))

/** Rows as they are read: stretch after stretch, in each by offset. */
export class Rows {
  readonly writer: MatrixWriter
  readonly times = floats()
  readonly amounts = floats()
  readonly offsets = floats()
  readonly scores = floats()
  readonly models = new Codes()
  /** 1 / probability of those that were drawn for review, else 1. */
  readonly drawn = new Grow((n) => new Float32Array(n))
  readonly tenants = new Codes()
  readonly cards = new Codes()
  readonly channels = new Codes()
  readonly countries = new Codes()
  readonly #stretches = new Map<string, { first: number; end: number }>()

  /** Keeps up to `memory` MB of vectors in memory. */
  constructor(memory?: number) {
    this.writer = new MatrixWriter(width, memory)
  }

  add(stretch: Stretch, row: DecidedRow): void {
    const { out, start } = this.writer.row
    if (!unpackVector(row.features, out, start, width))
      throw new AssayError('features_damaged', `The features at ${nameOf(stretch)}, offset ${row.log_offset}, are no vector of ${width}`)
    this.writer.next()
    const { channel, country } = decodeEvent({ ...row, tenant: stretch.tenant })
    this.times.push(row.time)
    this.amounts.push(row.base_amount)
    this.offsets.push(row.log_offset)
    this.scores.push(row.score)
    this.models.push(String(row.model))
    this.drawn.push(row.sampled === 1 && row.sample_probability ? 1 / row.sample_probability : 1)
    this.tenants.push(stretch.tenant)
    this.cards.push(`${stretch.tenant}:${row.customer}`)
    this.channels.push(channel)
    this.countries.push(country)
    const known = this.#stretches.get(nameOf(stretch))
    if (known) known.end++
    else this.#stretches.set(nameOf(stretch), { first: this.times.length - 1, end: this.times.length })
  }

  /** The row at a place, or undefined. */
  at(stretch: Stretch, offset: number): number | undefined {
    const { first, end } = this.#stretches.get(nameOf(stretch)) ?? { first: 0, end: 0 }
    const offsets = this.offsets.values
    const place = placeIn(offsets, offset, first, end)
    return place < end && offsets[place] === offset ? place : undefined
  }

  /** Rows by time, and those of one instant as they came. */
  byTime(): Uint32Array {
    const times = this.times.values
    return Uint32Array.from(times, (_, row) => row).sort((a, b) => times[a] - times[b] || a - b)
  }
}
