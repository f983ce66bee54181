import type { Manifest } from '../../../../models/api.ts'
import { count } from '../../shared/format.ts'
import { figure } from '../figure-names.ts'
import './segments.css'

type Part = NonNullable<Manifest['judgement']>['parts'][number]
type Props = { parts: Part[]; whole: number }

/** Figures by part of the data. Of those with few frauds only the counts are told. */
export function Segments({ parts, whole }: Props) {
  const told = parts.filter((part) => part.intervals)
  const small = parts.filter((part) => !part.intervals && part.frauds > 0)
  return (
    <section className="card segments-card" aria-label="Segments">
      <h2>
        By segments <span className="quiet">recall at 1 alert in 200 of all, with its 95 % interval; the line is the whole</span>
      </h2>
      <table>
        <thead>
          <tr>
            <th>Segment</th>
            <th className="number">transactions</th>
            <th className="number">frauds</th>
            <th className="number">AUC</th>
            <th className="number">AP</th>
            <th>Recall</th>
            <th className="number" />
          </tr>
        </thead>
        <tbody>
          {told.map((part) => (
            <tr key={`${part.segment} ${part.value}`}>
              <th scope="row">
                <span className="quiet">{part.segment}</span> {part.value}
              </th>
              <td className="number">{count(part.rows)}</td>
              <td className="number">{count(part.frauds)}</td>
              <td className="number">{figure(part.auc)}</td>
              <td className="number">{figure(part.ap)}</td>
              <td>
                <Recall part={part} whole={whole} />
              </td>
              <td className="number">{Math.round(part.recall * 100)} %</td>
            </tr>
          ))}
        </tbody>
      </table>
      {small.length > 0 && (
        <p className="quiet">
          Too few to say much: {small.map((part) => `${part.segment} ${part.value} (${part.frauds} frauds)`).join(', ')}.
        </p>
      )}
    </section>
  )
}

function Recall({ part, whole }: { part: Part; whole: number }) {
  const { low, high } = part.intervals?.recall ?? { low: part.recall, high: part.recall }
  return (
    <svg className="recall" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
      <rect className="track" x="0" y="2" width="100" height="8" />
      <rect className="part" x="0" y="2" width={part.recall * 100} height="8" />
      <rect className="interval" x={low * 100} y="5" width={Math.max(0.4, (high - low) * 100)} height="2" />
      <rect className="whole" x={whole * 100 - 0.2} y="0" width="0.4" height="12" />
    </svg>
  )
}
