/** The hash by which Java's clients choose a key's partition (MurmurHash2 by A. Appleby, 32 bits, as Kafka seeds it). */

const seed = 0x9747b28c
const m = 0x5bd1e995

/** Of the bytes of a key, those of UTF-8 for a text; signed. */
export function murmur2(key: Buffer | string): number {
  const data = typeof key === 'string' ? Buffer.from(key) : key
  const { length } = data
  const whole = length & ~3
  let h = seed ^ length
  for (let i = 0; i < whole; i += 4) {
    let k = Math.imul(data[i] | (data[i + 1] << 8) | (data[i + 2] << 16) | (data[i + 3] << 24), m)
    k = Math.imul(k ^ (k >>> 24), m)
    h = Math.imul(h, m) ^ k
  }
  for (let i = length - 1; i >= whole; i--) h ^= data[i] << (8 * (i - whole))
  if (whole < length) h = Math.imul(h, m)
  h = Math.imul(h ^ (h >>> 13), m)
  return h ^ (h >>> 15)
}
