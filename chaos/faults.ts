/** What is done to Assay and its servers, one fault after the other, in an order that the seed decides. */
import type { Random } from '../infra/simulator/random.ts'
import type { Actor } from './actors.ts'

export const faultKinds = ['kill', 'freeze', 'cut', 'leave', 'wipe'] as const
export type FaultKind = (typeof faultKinds)[number]
export type Fault = { kind: FaultKind; actor: Actor; seconds: number }

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * A plan with `kills` kills and nearly as many other faults between them. Every actor is killed about as often as every other; Redis
 * also comes back with an empty disk, detectors also leave in peace and come back, and freeze for longer than Kafka waits for them.
 */
export function planFaults(actors: readonly Actor[], kills: number, { pick, between, next }: Random): Fault[] {
  const services = actors.filter((a) => a.link)
  const detectors = actors.filter((a) => a.name.startsWith('detector'))
  const redis = actors.filter((a) => a.wipe && a.name === 'redis')
  const others: (() => Fault)[] = [
    () => ({ kind: 'freeze', actor: pick(actors), seconds: between(2, 6) }),
    ...(detectors.length > 0 ? [() => ({ kind: 'freeze' as const, actor: pick(detectors), seconds: between(12, 15) })] : []),
    ...(services.length > 0 ? [() => ({ kind: 'cut' as const, actor: pick(services), seconds: between(2, 6) })] : []),
    ...(detectors.length > 0 ? [() => ({ kind: 'leave' as const, actor: pick(detectors), seconds: between(0.5, 2) })] : []),
    ...(redis.length > 0 ? [() => ({ kind: 'wipe' as const, actor: pick(redis), seconds: between(1, 3) })] : []),
  ]
  const plan: Fault[] = []
  let round: Actor[] = []
  for (let k = 0; k < kills; k++) {
    if (round.length === 0)
      round = actors
        .map((a) => ({ a, at: next() }))
        .sort((x, y) => x.at - y.at)
        .map(({ a }) => a)
    const actor = round.pop() as Actor
    plan.push({ kind: 'kill', actor, seconds: between(0.2, 3) })
    if (k % 4 !== 3) plan.push(others[k % others.length]())
  }
  return plan
}

/** Does it and undoes it: when this resolves, the fault has ended. */
export async function commit({ kind, actor, seconds }: Fault): Promise<void> {
  switch (kind) {
    case 'kill':
    case 'wipe':
      actor.kill()
      await pause(seconds * 1000)
      if (kind === 'wipe') actor.wipe?.()
      return actor.start()
    case 'freeze':
      actor.freeze()
      await pause(seconds * 1000)
      return actor.thaw()
    case 'cut':
      actor.link?.cut()
      await pause(seconds * 1000)
      return actor.link?.mend()
    case 'leave':
      await actor.end()
      await pause(seconds * 1000)
      return actor.start()
  }
}
