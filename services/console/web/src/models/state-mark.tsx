import type { State } from '../../../models/api.ts'
import { percent } from '../shared/format.ts'
import '../shared/marks.css'

const meanings: Record<State, string> = {
  champion: 'It decides',
  canary: 'It decides for a share of the customers',
  shadow: 'It scores what the champion scores, and never acts',
  candidate: 'In the registry; it decides nothing',
  retired: 'Put away; it can be promoted again',
}

export const StateMark = ({ state, share = null }: { state: State; share?: number | null }) => (
  <span className={`mark state-${state}`} title={meanings[state]}>
    {state}
    {share !== null && ` ${percent(share)}`}
  </span>
)
