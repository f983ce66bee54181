/**
 * Rows of float32 of which nobody knows how many there will be: in memory while they are few, beyond that in a temporary file that has
 * no name any more, so that nothing is left behind by a process that is killed.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AssayError, messageOf } from '../../services/shared/errors.ts'

export type Matrix = {
  readonly rows: number
  readonly width: number
  /** Copies the rows from `from` to before `to` into `out`, one after the other. */
  read(from: number, to: number, out: Float32Array): void
  /** Copies the rows that `rows` numbers into `out`, in that order. */
  gather(rows: Uint32Array, out: Float32Array): void
  close(): void
}

const rowsInBlock = 4096
const megabyte = 2 ** 20

/** Bytes of an array, without a copy. */
const bytesOf = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

function inFile<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    const full = (error as NodeJS.ErrnoException).code === 'ENOSPC'
    throw new AssayError(
      full ? 'disk_full' : 'matrix_unwritable',
      full
        ? `The disk of ${tmpdir()} is full; make room, or set TMPDIR to a folder with more`
        : `The rows cannot be kept in ${tmpdir()}: ${messageOf(error)}`,
      { cause: error },
    )
  }
}

/** A file that only this process can reach. */
function openUnnamed(): number {
  return inFile(() => {
    const folder = mkdtempSync(join(tmpdir(), 'assay-rows-'))
    try {
      return openSync(join(folder, 'rows'), 'w+')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

/** Takes rows in order; `finish` makes a matrix of them. */
export class MatrixWriter {
  readonly width: number
  rows = 0
  readonly #mostBytes: number
  #blocks: Float32Array[] = []
  #file: number | undefined
  /** The block that is being filled, and the row in it. */
  #block: Float32Array
  #at = 0

  /** Keeps up to `memory` MB in memory. */
  constructor(width: number, memory = 768) {
    this.width = width
    this.#mostBytes = memory * megabyte
    this.#block = new Float32Array(rowsInBlock * width)
  }

  /** Where the next row is to be written; `next` takes it in. */
  get row(): { out: Float32Array; start: number } {
    return { out: this.#block, start: this.#at * this.width }
  }

  next(): void {
    this.rows++
    if (++this.#at === rowsInBlock) this.#put()
  }

  push(values: Float32Array, start = 0): void {
    this.#block.set(values.subarray(start, start + this.width), this.#at * this.width)
    this.next()
  }

  #put(): void {
    const full = this.#block.subarray(0, this.#at * this.width)
    if (this.#file === undefined && (this.#blocks.length + 1) * this.#block.byteLength > this.#mostBytes) {
      this.#file = openUnnamed()
      for (const block of this.#blocks) this.#write(block)
      this.#blocks = []
    }
    if (this.#file === undefined) {
      this.#blocks.push(full)
      this.#block = new Float32Array(rowsInBlock * this.width)
    } else this.#write(full)
    this.#at = 0
  }

  #write(block: Float32Array): void {
    const bytes = bytesOf(block)
    inFile(() => {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#file as number, bytes, done)
    })
  }

  finish(): Matrix {
    if (this.#at > 0) this.#put()
    this.#block = new Float32Array(0)
    const { rows, width } = this
    return this.#file === undefined ? inMemory(this.#blocks, rows, width) : onDisk(this.#file, rows, width)
  }

  /** Ends it without a matrix. */
  abandon(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#blocks = []
  }
}

/** The same rows in another order, or some of them: row `i` is row `order[i]` of the matrix, which is closed with it. */
export function inOrder(matrix: Matrix, order: Uint32Array): Matrix {
  return {
    rows: order.length,
    width: matrix.width,
    read: (from, to, out) => matrix.gather(order.subarray(from, to), out),
    gather: (places, out) =>
      matrix.gather(
        places.map((place) => order[place]),
        out,
      ),
    close: () => matrix.close(),
  }
}

function inMemory(blocks: Float32Array[], rows: number, width: number): Matrix {
  const one = (row: number, out: Float32Array, to: number) => {
    const block = blocks[Math.floor(row / rowsInBlock)]
    const at = (row % rowsInBlock) * width
    for (let i = 0; i < width; i++) out[to + i] = block[at + i]
  }
  return {
    rows,
    width,
    read(from, to, out) {
      for (let row = from; row < to; row++) one(row, out, (row - from) * width)
    },
    gather(places, out) {
      for (let i = 0; i < places.length; i++) one(places[i], out, i * width)
    },
    close: () => void blocks.splice(0),
  }
}

function onDisk(file: number, rows: number, width: number): Matrix {
  const rowBytes = width * Float32Array.BYTES_PER_ELEMENT
  const fill = (out: Uint8Array, offset: number, length: number, from: number) => {
    inFile(() => {
      for (let done = 0; done < length; ) {
        const n = readSync(file, out, offset + done, length - done, from + done)
        if (n === 0) throw new Error('the file is shorter than it was')
        done += n
      }
    })
  }
  return {
    rows,
    width,
    read: (from, to, out) => fill(bytesOf(out), 0, (to - from) * rowBytes, from * rowBytes),
    gather(places, out) {
      const bytes = bytesOf(out)
      for (let i = 0; i < places.length; i++) fill(bytes, i * rowBytes, rowBytes, places[i] * rowBytes)
    },
    close: () => closeSync(file),
  }
}
