/**
 * A feature vector as rows keep it. Most features are 0 or small whole numbers, so that 102 of them take some 150 bytes instead of 408, and
 * every bit comes back. A first byte names this form; then come two bits a feature, the first feature in the lowest, which say how many bytes it
 * has; then those bytes, the lowest first:
 *
 * - 0: none, it is +0
 * - 1: one, a whole number from 1 to 255
 * - 2: two, a whole number from 256 to 65,535
 * - 3: four, the float32 itself
 */
const form = 1

const bitsOf = (vector: Float32Array, start: number, width: number) =>
  new Uint32Array(vector.buffer, vector.byteOffset + start * Float32Array.BYTES_PER_ELEMENT, width)
const headOf = (width: number): number => 1 + ((width + 3) >> 2)

/** The `width` features from `start` on. */
export function packVector(vector: Float32Array, start: number, width: number): Buffer {
  const bits = bitsOf(vector, start, width)
  let at = headOf(width)
  const bytes = Buffer.allocUnsafe(at + width * Float32Array.BYTES_PER_ELEMENT)
  bytes[0] = form
  let sizes = 0
  for (let i = 0; i < width; i++) {
    const value = vector[start + i]
    const whole = value | 0
    let size = 3
    if (bits[i] === 0) size = 0
    else if (whole === value && whole > 0 && whole < 65_536) {
      size = whole < 256 ? 1 : 2
      bytes[at++] = whole
      if (size === 2) bytes[at++] = whole >> 8
    } else {
      const all = bits[i]
      bytes[at++] = all
      bytes[at++] = all >> 8
      bytes[at++] = all >> 16
      bytes[at++] = all >> 24
    }
    sizes |= size << ((i & 3) * 2)
    if ((i & 3) === 3 || i === width - 1) {
      bytes[1 + (i >> 2)] = sizes
      sizes = 0
    }
  }
  return bytes.subarray(0, at)
}

/**
 * Writes them back into `out`, from `start` on. Where `bytes` are no vector of that width it gives false, and every feature is NaN: a row is
 * damaged then.
 */
export function unpackVector(bytes: Buffer, out: Float32Array, start: number, width: number): boolean {
  const bits = bitsOf(out, start, width)
  let at = headOf(width)
  for (let i = 0; i < width && at <= bytes.length; i++) {
    const size = (bytes[1 + (i >> 2)] >> ((i & 3) * 2)) & 3
    if (size === 0) bits[i] = 0
    else if (size === 1) out[start + i] = bytes[at++]
    else if (size === 2) {
      out[start + i] = bytes[at] | (bytes[at + 1] << 8)
      at += 2
    } else {
      bits[i] = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
      at += 4
    }
  }
  if (bytes[0] === form && at === bytes.length) return true
  out.fill(Number.NaN, start, start + width)
  return false
}
