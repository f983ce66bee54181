import { bringUpForTests } from './test-stack.ts'

const ADDRESSES = ['ASSAY_KAFKA', 'ASSAY_TIDB', 'ASSAY_REDIS']

/**
 * Servers for a run of vitest that `npm test` did not prepare. Every project loads this file anew, so what the first one brought
 * up is known to the next by the environment, and only the first one ends it.
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (ADDRESSES.every((name) => process.env[name])) return undefined
  const { end } = await bringUpForTests()
  return end
}
