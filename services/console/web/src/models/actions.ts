/** What can be done with a version, and why not. */
import { tendsModels } from '../../../access.ts'
import type { Me } from '../../../api.ts'
import type { ModelDetail, ModelList } from '../../../models/api.ts'
import { canaryModel, promoteModel, retireModel, rollBack, shadowModel, withdrawModel } from './calls.ts'

export type Action = {
  name: string
  title: string
  /** What comes of it, before it is done. */
  meaning: string
  tone: 'primary' | 'plain'
  /** Why it cannot be done by this person. */
  hindrance: string | undefined
  /** Whether it asks for a share of the customers. */
  share?: true
  act: (reason: string, share: number) => Promise<unknown>
}

const lookOnly = 'You may look: a scientist, a manager or an admin changes models.'

/** Of a version, the most likely one first. `champion` is the one that is shown as deciding now, `before` what it would be rolled back to. */
export function actionsOf(
  { version, state, by }: ModelDetail,
  { champion, before }: Pick<ModelList, 'champion' | 'before'>,
  me: Me,
): Action[] {
  const role = tendsModels(me) ? undefined : lookOnly
  const second = by === me.name ? `You brought model ${version}: somebody else must let it decide.` : undefined
  if (state === 'champion')
    return [
      {
        name: 'Roll back',
        title: `Roll model ${version} back`,
        meaning: `Model ${before} decides again, from the next batch on. This one is retired; what it decided stays.`,
        tone: 'plain',
        hindrance: role ?? (before === null ? 'No other model was champion before: there is nothing to roll back to.' : undefined),
        act: (reason) => rollBack({ reason, insteadOf: version }),
      },
    ]
  const promote: Action = {
    name: 'Promote',
    title: `Make model ${version} champion`,
    meaning: `It decides for all banks from the next batch on, instead of ${champion === null ? 'none' : `model ${champion}`}, which is retired.`,
    tone: 'primary',
    hindrance: role ?? second,
    act: (reason) => promoteModel(version, { reason, insteadOf: champion }),
  }
  const shadow: Action = {
    name: 'Shadow',
    title: `Put model ${version} in shadow`,
    meaning: 'It scores what the champion scores and never acts, so that the two can be compared.',
    tone: 'plain',
    hindrance: role,
    act: (reason) => shadowModel(version, reason),
  }
  const canary: Action = {
    name: state === 'canary' ? 'Change share' : 'Canary',
    title: `Let model ${version} decide for some customers`,
    meaning: 'It decides for a fixed share of the customers, of all banks; the champion decides for the others.',
    tone: 'plain',
    hindrance: role ?? second,
    share: true,
    act: (reason, share) => canaryModel(version, reason, share),
  }
  const withdraw: Action = {
    name: 'Withdraw',
    title: `Withdraw model ${version}`,
    meaning: `It ${state === 'canary' ? 'decides for nobody' : 'scores nothing'} any more, and is a candidate again.`,
    tone: 'plain',
    hindrance: role,
    act: (reason) => withdrawModel(version, reason),
  }
  const retire: Action = {
    name: 'Retire',
    title: `Retire model ${version}`,
    meaning: 'It is put away. It stays in the registry and can be promoted later.',
    tone: 'plain',
    hindrance: role,
    act: (reason) => retireModel(version, reason),
  }
  return {
    candidate: [promote, canary, shadow, retire],
    shadow: [promote, canary, withdraw, retire],
    canary: [promote, canary, withdraw, retire],
    retired: [promote, shadow],
  }[state]
}
