/** How long a server is away in tests of an outage. */

/** Longer than what clients try again in one go; `.ci/run` takes 20, which outlasts sessions and timeouts too. */
export const outageSeconds = Number(process.env.ASSAY_TEST_OUTAGE ?? 6)

/** Resolves when the server has been away long enough. */
export const outage = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, outageSeconds * 1000))
