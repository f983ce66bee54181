/** The demonstration as one watches it: a table of what runs, and one live line until Ctrl-C. */
import { tableOf } from '../stack/table.ts'
import { countCases } from './count.ts'
import type { Demonstration } from './demonstration.ts'
import { type Figures, latencyBetween, readFigures } from './figures.ts'
import { play } from './play.ts'

type Watch = { transactions: number | undefined; rate: number; seed: number; play: boolean }

type Cases = { cases: number; escalations: number }

const line = (f: Figures, c: Cases, rate: number, p50: number, p99: number) =>
  `${rate.toFixed(0).padStart(5)}/s  ${f.decided} decided  ${f.alerts} alerts  ${c.cases} cases  ${c.escalations} escalations  p50 ${p50} ms  p99 ${p99} ms`

/** Plays until `transactions` have been sent or Ctrl-C is pressed; a second Ctrl-C ends at once. */
export async function watch(demonstration: Demonstration, options: Watch): Promise<void> {
  const { bus, database, tenant, stack, login, telemetry } = demonstration
  process.stdout.write(`\n${tableOf(stack.servers)}\n\n`)
  process.stdout.write(`console   ${demonstration.consoleUrl}${login ? `   first login: ${login.name} / ${login.password}` : ''}\n`)
  process.stdout.write(
    `gateway   ${demonstration.gatewayUrl}\nbank      ${tenant}\n\nCtrl-C ends it; the servers go on: npm run stack -- down\n\n`,
  )
  const played = options.play
    ? play({
        bus,
        tenant,
        seed: options.seed,
        transactions: options.transactions ?? options.rate * 10_000,
        rate: options.rate,
        keepIds: false,
      })
    : undefined
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  let signals = 0
  const onSignal = () => {
    if (++signals > 1) process.exit(1)
    process.stdout.write('\nfinishing what is in hand ...\n')
    played?.stop()
    end()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  let before = { at: Date.now(), figures: await readFigures(telemetry.metrics) }
  const tick = async () => {
    const [figures, cases] = await Promise.all([readFigures(telemetry.metrics), countCases(database, tenant)])
    const at = Date.now()
    const rate = ((figures.decided - before.figures.decided) * 1000) / (at - before.at)
    const text = line(figures, cases, rate, latencyBetween(before.figures, figures, 0.5), latencyBetween(before.figures, figures, 0.99))
    before = { at, figures }
    process.stdout.write(process.stdout.isTTY ? `\r\u001b[K${text}` : `${text}\n`)
  }
  const timer = setInterval(() => void tick().catch(() => undefined), process.stdout.isTTY ? 1000 : 10_000)
  if (options.transactions !== undefined) void played?.done.then(end, end)
  await ended
  clearInterval(timer)
  await played?.done.catch(() => undefined)
  process.stdout.write('\n')
}
