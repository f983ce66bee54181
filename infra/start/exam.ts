/** `--exit`: plays a number of transactions, waits until all is done that follows from them, and counts what became of them. */
import { count, quantile, readDecisions, readTimes } from './count.ts'
import type { Demonstration } from './demonstration.ts'
import { play } from './play.ts'

export type Exam = { transactions: number; rate: number | undefined; seed: number; json: boolean }

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits while `look` still changes within `patience`. Ends early when it says true. */
async function whileItMoves(patience: number, look: () => Promise<{ done: boolean; mark: string }>): Promise<void> {
  let mark = ''
  let since = Date.now()
  for (;;) {
    const seen = await look()
    if (seen.done) return
    if (seen.mark !== mark) {
      mark = seen.mark
      since = Date.now()
    } else if (Date.now() - since > patience) return
    await pause(100)
  }
}

/** Prints the count, as JSON on the last line if asked for. True when something was lost. */
export async function playAndCount(demonstration: Demonstration, exam: Exam): Promise<boolean> {
  const { bus, database, tenant, stack } = demonstration
  const say = (line: string) => process.stderr.write(`assay: ${line}\n`)
  const played = play({ bus, tenant, seed: exam.seed, transactions: exam.transactions, rate: exam.rate, keepIds: true, onOutage: say })
  const progress = setInterval(() => {
    count(database, tenant).then(
      (c) => say(`${played.sent.transactions} of ${exam.transactions} sent, ${c.decided} decided, ${c.alerts} alerts, ${c.cases} cases`),
      () => undefined,
    )
  }, 5000)
  try {
    await played.done
    const expected = played.acknowledged.size
    await whileItMoves(30_000, async () => {
      const c = await count(database, tenant)
      return {
        done: c.decided >= expected && c.duplicates >= played.sent.resends && c.labels >= played.sent.labels,
        mark: JSON.stringify(c),
      }
    })
    const decidedAt = Date.now()
    await whileItMoves(15_000, async () => {
      const c = await count(database, tenant)
      return { done: c.cases > 0 && c.escalations > 0 && Date.now() - decidedAt > 2500, mark: `${c.cases} ${c.escalations}` }
    })
    const [counts, decisions, times] = [
      await count(database, tenant),
      await readDecisions(bus, tenant, `${tenant}-count`),
      await readTimes(database, tenant),
    ]
    const rows = new Set(times.map((t) => t.id))
    let lost = 0
    for (const id of played.acknowledged) if (!rows.has(id) || !decisions.ids.has(id)) lost++
    const waits = times.map((t) => (decisions.ids.get(t.id) ?? t.decided) - t.received).toSorted((a, b) => a - b)
    const last = times.reduce((latest, t) => Math.max(latest, t.decided), 0)
    const name = (product: string) => stack.servers.find((s) => s.name === product)
    const version = (server: ReturnType<typeof name>) => (server ? `${server.product} ${server.version}` : 'unknown')
    const result = {
      transactions: expected,
      decided: counts.decided,
      duplicates: counts.duplicates,
      lost,
      deadLetters: counts.deadLetters,
      alerts: counts.alerts,
      cases: counts.cases,
      escalations: counts.escalations,
      labels: counts.labels,
      throughput: Math.round(counts.decided / Math.max(0.001, (last - played.firstSentAt) / 1000)),
      p50Ms: quantile(waits, 0.5),
      p99Ms: quantile(waits, 0.99),
      sql: version(name('sql')),
      kafka: version(name('kafka')),
      redis: version(name('redis')),
      backend: demonstration.backend,
    }
    if (exam.json) process.stdout.write(`${JSON.stringify(result)}\n`)
    else for (const [key, value] of Object.entries(result)) process.stdout.write(`${key.padEnd(13)} ${value}\n`)
    return lost > 0
  } finally {
    clearInterval(progress)
  }
}
