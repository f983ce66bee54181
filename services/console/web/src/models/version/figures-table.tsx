import { useQuery } from '@tanstack/react-query'
import type { ModelDetail, ModelRow } from '../../../../models/api.ts'
import { compareModels } from '../calls.ts'
import { type FigureName, figure, figureNames, signed } from '../figure-names.ts'
import { addressOf } from '../place.ts'
import './figures-table.css'

type Props = { model: ModelDetail; other: ModelRow | undefined; others: ModelRow[] }

/** How good the model was on what it had not seen, beside the plain model on the same data and beside another version. */
export function FiguresTable({ model, other, others }: Props) {
  const comparison = useQuery({
    queryKey: ['models', 'compare', other?.version, model.version],
    queryFn: () => compareModels(Number(other?.version), model.version),
    enabled: other !== undefined,
  })
  const { network, logisticRegression, baseRate } = model.manifest.figures
  const sameData = comparison.data?.sameData
  return (
    <section className="card figures-card" aria-label="Figures">
      <header>
        <h2>
          How good it is{' '}
          <span className="quiet">
            on {network.rows.toLocaleString('en-GB')} later transactions, {network.frauds.toLocaleString('en-GB')} of them fraud
          </span>
        </h2>
        <label>
          <span className="quiet">beside </span>
          <select value={other?.version ?? ''} onChange={(e) => go(model.version, e.target.value)}>
            {!other && <option value="">no other version</option>}
            {others.map((o) => (
              <option key={o.version} value={o.version}>
                {o.version} {o.name} ({o.state})
              </option>
            ))}
          </select>
        </label>
      </header>
      <table>
        <thead>
          <tr>
            <th>Figure</th>
            <th className="number">Model {model.version}</th>
            {other && <th className="number">Model {other.version}</th>}
            {other && <th>Difference</th>}
            <th className="number" title="A logistic regression on the same inputs, fitted beside it">
              Plain model
            </th>
          </tr>
        </thead>
        <tbody>
          {(Object.keys(figureNames) as FigureName[]).map((name) => (
            <tr key={name}>
              <th scope="row" title={figureNames[name].meaning}>
                {figureNames[name].name}
              </th>
              <td className="number strong">{figure(network[name])}</td>
              {other && <td className="number">{figure(other.figures.network[name])}</td>}
              {other && (
                <td>
                  <Difference name={name} from={other.figures.network[name]} to={network[name]} tells={sameData !== false} />
                </td>
              )}
              <td className="number quiet">{figure(logisticRegression[name])}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {comparison.isError && (
        <p className="fault" role="alert">
          {comparison.error.message}
        </p>
      )}
      {sameData === false && (
        <p className="notice">They were judged on different data: the differences say little about which is better.</p>
      )}
      <p className="quiet">
        Base rate {(baseRate * 100).toFixed(2)} %. The plain model is a logistic regression on the same inputs: what is not better than it
        is not worth its weight.
      </p>
    </section>
  )
}

const go = (version: number, other: string) => {
  window.location.hash = addressOf(version, Number(other))
}

/** To the right of the middle is better, to the left worse. */
function Difference({ name, from, to, tells }: { name: FigureName; from: number; to: number; tells: boolean }) {
  const { worse, scale } = figureNames[name]
  const gain = worse(from) - worse(to)
  const part = Math.min(1, Math.abs(gain) / scale) * 50
  const tone = Math.abs(gain) < 0.00005 ? 'same' : gain > 0 ? 'better' : 'worse'
  return (
    <span className={`difference ${tells ? tone : 'untold'}`} title={tone === 'same' ? 'no difference' : tells ? tone : 'other data'}>
      <svg className="difference-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect className="track" x="0" y="3" width="100" height="2" />
        <rect className="part" x={gain < 0 ? 50 - part : 50} y="0" width={part} height="8" />
        <rect className="middle" x="49.5" y="0" width="1" height="8" />
      </svg>
      {signed(to - from)}
      <span className="unseen">{tells ? tone : ''}</span>
    </span>
  )
}
