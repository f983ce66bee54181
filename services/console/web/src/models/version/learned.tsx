import type { ModelDetail } from '../../../../models/api.ts'
import { count, percent } from '../../shared/format.ts'
import './learned.css'

type Span = { rows: number; frauds: number; from?: string; to?: string }
type Props = { manifest: ModelDetail['manifest']; sha256: string }

const date = (text: string | undefined) => text?.slice(0, 10) ?? '–'
const number = (of: unknown) => (typeof of === 'number' ? count(of) : '?')

/** Where the data came from, in a line. */
export function originOf(data: Record<string, unknown>): string {
  if (data.source === 'infra/simulator') return `${number(data.transactions)} simulated transactions of ${number(data.customers)} customers`
  if (Array.isArray(data.tenants)) return `${number(data.rows)} transactions decided for ${data.tenants.join(', ')}`
  return `${number(data.rows)} transactions of ${String(data.source ?? data.file ?? 'a file')}`
}

const periods = [
  ['training', 'learnt from'],
  ['validation', 'chosen by'],
  ['test', 'judged by'],
] as const

/** What the model is and what it learnt from: its card. */
export function Learned({ manifest, sha256 }: Props) {
  const { data, hidden, features, seed, backend, createdAt, by, leansOn } = manifest
  return (
    <section className="card learned" aria-label="Card">
      <h2>
        What it is <span className="quiet">its card</span>
      </h2>
      <div>
        <table>
          <thead>
            <tr>
              <th>{originOf(data)}</th>
              <th className="number">transactions</th>
              <th className="number">known frauds</th>
              <th>time</th>
            </tr>
          </thead>
          <tbody>
            {periods.map(([name, meaning]) => {
              const span = data[name] as Span
              return (
                <tr key={name}>
                  <th scope="row">{meaning}</th>
                  <td className="number">{count(span.rows)}</td>
                  <td className="number">{count(span.frauds)}</td>
                  <td>
                    {date(span.from)} to {date(span.to)}
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
        <dl>
          <Fact name="network" value={`${features.length} features, hidden layers of ${hidden.join(' and ') || 'none'}`} />
          <Fact name="trained" value={`${date(createdAt)}${by ? ` by ${by}` : ''}, seed ${seed}, ${backend} backend`} />
          {leansOn && (
            <Fact
              name="leans on"
              value={leansOn
                .slice(0, 6)
                .map(({ feature, share }) => `${feature} ${percent(share)}`)
                .join(', ')}
            />
          )}
          <Fact name="without effect" value={(data.constant as string[]).join(', ') || 'none'} />
          <Fact name="sha256" value={sha256} code />
        </dl>
      </div>
    </section>
  )
}

const Fact = ({ name, value, code = false }: { name: string; value: string; code?: boolean }) => (
  <div>
    <dt>{name}</dt>
    <dd className={code ? 'code' : undefined}>{value}</dd>
  </div>
)
