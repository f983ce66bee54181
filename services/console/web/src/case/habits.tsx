import type { TimelineEntry } from '../../../api.ts'
import { Ago } from '../shared/ago.tsx'
import { money } from '../shared/format.ts'

/** What the customer usually does, from the transactions outside this case: what the case is to be held against. */
export function Habits({ timeline }: { timeline: TimelineEntry[] }) {
  const usual = timeline.filter((entry) => !entry.inCase)
  if (usual.length === 0)
    return (
      <section className="card habits">
        <p className="quiet">Nothing else is known of this customer.</p>
      </section>
    )
  const currency = mostFrequent(usual.map((entry) => entry.event.currency))[0][0]
  const amounts = usual
    .filter((entry) => entry.event.currency === currency)
    .map((entry) => entry.event.amount)
    .sort((a, b) => a - b)
  return (
    <section className="card habits" aria-label="What this customer usually does">
      <h2>Usually</h2>
      <dl>
        <div>
          <dt>amount</dt>
          <dd>
            {money(quantile(amounts, 0.5), currency)}{' '}
            <span className="quiet">nine in ten below {money(quantile(amounts, 0.9), currency)}</span>
          </dd>
        </div>
        <Shares name="countries" values={usual.flatMap((e) => e.event.country ?? [])} />
        <Shares name="channels" values={usual.flatMap((e) => e.event.channel ?? [])} />
        <div>
          <dt>devices</dt>
          <dd>{new Set(usual.flatMap((e) => e.event.device ?? [])).size || '–'}</dd>
        </div>
        <div>
          <dt>seen since</dt>
          <dd>
            <Ago at={Math.min(...usual.map((e) => e.time))} />
          </dd>
        </div>
      </dl>
    </section>
  )
}

function Shares({ name, values }: { name: string; values: string[] }) {
  const top = mostFrequent(values).slice(0, 3)
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {top.length === 0
          ? '–'
          : top.map(([value, times]) => (
              <span key={value} className="share">
                {value} <span className="quiet">{Math.round((100 * times) / values.length)} %</span>
              </span>
            ))}
      </dd>
    </div>
  )
}

function mostFrequent(values: string[]): [string, number][] {
  const times = new Map<string, number>()
  for (const value of values) times.set(value, (times.get(value) ?? 0) + 1)
  return [...times].sort((a, b) => b[1] - a[1])
}

const quantile = (sorted: number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
