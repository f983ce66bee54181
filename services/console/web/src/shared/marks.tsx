/** Small marks that mean the same everywhere: a score, an action, a disposition. */
import type { Action, Disposition } from '../../../api.ts'
import { percent } from './format.ts'
import './marks.css'

const level = (score: number): string => (score >= 0.8 ? 'high' : score >= 0.3 ? 'middle' : 'low')

/** Probability of fraud as a bar and a number. */
export function Score({ value }: { value: number }) {
  return (
    <span className={`score ${level(value)}`} title={`Probability of fraud ${(value * 100).toFixed(2)} %`}>
      <span className="bar" aria-hidden="true">
        <span style={{ width: `${Math.max(2, value * 100)}%` }} />
      </span>
      <span className="figure">{percent(value)}</span>
    </span>
  )
}

const done: Record<Action, string> = { approve: 'approved', challenge: 'challenged', review: 'review', decline: 'declined' }

export function ActionMark({ action, sample = false }: { action: Action; sample?: boolean }) {
  return (
    <span
      className={`mark ${action}`}
      title={sample ? 'An approved transaction drawn at random, to see what the score misses' : `Our advice: ${action}`}
    >
      {sample ? 'sample' : done[action]}
    </span>
  )
}

export function DispositionMark({ value }: { value: Disposition }) {
  return <span className={`mark verdict-${value}`}>{value}</span>
}

export const Key = ({ children }: { children: string }) => <kbd>{children}</kbd>
