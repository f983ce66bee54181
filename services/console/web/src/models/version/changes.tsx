import type { Change } from '../../../../models/api.ts'
import { Ago } from '../../shared/ago.tsx'
import { StateMark } from '../state-mark.tsx'

/** Who made what of it, when and why. */
export const Changes = ({ history }: { history: Change[] }) => (
  <section className="card changes" aria-label="History">
    <h2>History</h2>
    <ol>
      {history.map((change) => (
        <li key={`${change.at} ${change.state}`}>
          <StateMark state={change.state} />
          <span>
            {change.actor}: {change.reason}
          </span>
          <span className="quiet">
            <Ago at={change.at} />
          </span>
        </li>
      ))}
    </ol>
  </section>
)
