/** Passwords as scrypt hashes that carry their own cost, so that it can rise without making old ones useless. */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'

/** 2^15 rounds of 8 blocks: 32 MB and about 60 ms of one core for each guess. */
const cost = { N: 32_768, r: 8, p: 1 }
const size = 32

const derive = (password: string, salt: Buffer, options: ScryptOptions): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    // A password can be typed in more than one sequence of code points; NFKC makes them one.
    scrypt(password.normalize('NFKC'), salt, size, { ...options, maxmem: 256 * 1024 * 1024 }, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })

/** The hash that is stored: `scrypt$N$r$p$salt$key`, the last two in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const key = await derive(password, salt, cost)
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64url'), key.toString('base64url')].join('$')
}

/** Whether the password is the one that was hashed; false for a hash that cannot be read. Takes the same time for both answers. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [scheme, N, r, p, salt, key] = hash.split('$')
  if (scheme !== 'scrypt' || !salt || !key) return false
  const expected = Buffer.from(key, 'base64url')
  const given = await derive(password, Buffer.from(salt, 'base64url'), { N: Number(N), r: Number(r), p: Number(p) })
  return expected.length === given.length && timingSafeEqual(expected, given)
}

/** A password that nobody guesses and that can still be typed: 100 bits, in four groups without letters that look alike. */
export function inventPassword(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789A'
  const text = [...randomBytes(20)].map((byte) => letters[byte & 31]).join('')
  return text.replace(/.{5}(?=.)/g, '$&-')
}
