/** Records that no detector can take. */

const kinds: ((token: string, json: (changes: object) => Buffer) => Buffer)[] = [
  (token) => Buffer.from(`{"id": "${token}", `),
  (token) => Buffer.concat([Buffer.from(token), Buffer.from([0xff, 0xfe])]),
  (_, json) => json({ amount: 'much' }),
  (_, json) => json({ tenant: 'somebody-else' }),
  (_, json) => json({ amount: Number.MAX_SAFE_INTEGER }),
  (token, json) => json({ instrument: '4111111111111111', extra: { token } }),
  (_, json) => json({ time: '2001-01-01T00:00:00Z' }),
]

/**
 * The bytes of the `n`th poison: in turn not JSON, not UTF-8, a wrong type, a stranger's tenant, an absurd amount, a card number, a date long ago.
 * `token` stands in all of them.
 */
export function poison(tenant: string, token: string, n: number): Buffer {
  const good = {
    id: token,
    tenant,
    instrument: `token_${token}`,
    kind: 'authorization',
    direction: 'debit',
    amount: 100,
    currency: 'EUR',
    time: new Date().toISOString(),
  }
  return kinds[n % kinds.length](token, (changes) => Buffer.from(JSON.stringify({ ...good, ...changes })))
}
