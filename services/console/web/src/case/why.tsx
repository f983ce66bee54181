import type { CaseDetail, Measure, Reason } from '../../../api.ts'
import { measured } from './measured.ts'
import './why.css'

type Told = { reason: Reason; times: number }

/** Each reason once, of the transaction in which it weighs most, with how many of the case's transactions it speaks of. */
function toldOf(reasons: readonly Reason[]): Told[] {
  const byCode = new Map<string, Told>()
  for (const reason of reasons) {
    const known = byCode.get(reason.code)
    const weightier = known && (known.reason.share ?? 0) >= (reason.share ?? 0) ? known.reason : reason
    byCode.set(reason.code, { reason: weightier, times: (known?.times ?? 0) + 1 })
  }
  return [...byCode.values()].sort((a, b) => (b.reason.share ?? 0) - (a.reason.share ?? 0) || b.times - a.times)
}

/** Why the case was raised: what is said of it, held against what is usual for this customer, and how much each weighs. */
export function Why({ case: c }: { case: CaseDetail }) {
  const told = toldOf(c.alerts.flatMap((a) => a.reasons))
  return (
    <section className="card why-card" aria-label="Why">
      <h2>
        Why <span className="quiet">against what is usual for this customer</span>
      </h2>
      {told.length === 0 ? (
        <p className="quiet">{c.sample ? 'Drawn at random; nothing stood out.' : 'No single figure stands out; the whole does.'}</p>
      ) : (
        <ul>
          {told.map(({ reason, times }) => (
            <li key={reason.code} title={reason.code}>
              <Weight share={reason.share} />
              <span>
                {reason.text}
                {times > 1 && (
                  <span className="quiet" title={`In ${times} of the case's transactions`}>
                    {' '}
                    ×{times}
                  </span>
                )}
              </span>
              <Values reason={reason} measure={c.measures[reason.code]} currency={c.baseCurrency} />
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Weight({ share }: { share: number | undefined }) {
  if (share === undefined) return <span />
  const percent = Math.round(share * 100)
  return (
    <span className="weight" title={`${percent} % of all that raises the score`}>
      <span className="weight-bar" aria-hidden="true">
        <span style={{ width: `${Math.max(2, percent)}%` }} />
      </span>
      {percent} %
    </span>
  )
}

type ValuesProps = { reason: Reason; measure: Measure | undefined; currency: string }

function Values({ reason: { value, usual }, measure, currency }: ValuesProps) {
  if (!measure || value === undefined) return null
  return (
    <>
      <strong className="against" title={measure.meaning}>
        {measured(value, measure, currency)}
      </strong>
      {usual !== undefined && <span className="quiet">usually {measured(usual, measure, currency)}</span>}
    </>
  )
}
