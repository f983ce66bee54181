/** What is done to Assay and its servers, step by step, in an order that the seed decides. */
import type { Random } from '../infra/simulator/random.ts'
import type { ServerName } from '../infra/stack/server.ts'
import type { Actor, ServerActor, ServiceActor } from './actors.ts'

export const serverNames = ['kafka', 'sql', 'redis'] as const satisfies readonly ServerName[]
/** The services that always run, each the name of its process. */
export const serviceNames = ['gateway', 'console', 'detector-1', 'detector-2', 'casework'] as const
/** A detector that joins for a while and leaves again. */
export const guest = 'detector-3'
const detectors = ['detector-1', 'detector-2'] as const
const users = { kafka: serviceNames, sql: serviceNames, redis: ['casework', ...detectors] } as const satisfies Record<
  ServerName,
  readonly string[]
>

export type ActorName = (typeof serverNames)[number] | (typeof serviceNames)[number] | typeof guest

/**
 * kill: SIGKILL, and started again. freeze: SIGSTOP, SIGCONT. cut: the connections between a service and a server end and new ones are refused.
 * partition: nothing comes through between them, and neither is told. leave: a detector ends by SIGTERM and comes back; join: one more
 * comes, and ends by SIGTERM. wipe: Redis is killed and comes back empty.
 */
export const faultKinds = ['kill', 'freeze', 'cut', 'partition', 'join', 'leave', 'wipe'] as const
export type FaultKind = (typeof faultKinds)[number]
/** `server`: the other end of what is cut or partitioned. `after`: seconds into the step. */
export type Fault = { kind: FaultKind; actor: ActorName; server?: ServerName; seconds: number; after?: number }
/** Faults that go on at the same time. */
export type Step = readonly Fault[]

/** Gives each item once in random order before any comes again. */
function inTurn<T>(items: readonly T[], { next }: Random): () => T {
  let left: T[] = []
  return () => {
    if (left.length === 0) left = [...items]
    return left.splice(Math.floor(next() * left.length), 1)[0]
  }
}

/**
 * A plan with `kills` kills, each beside or before a fault of another kind: all kinds within nine kills. Services and servers take turns, so that
 * each is killed about as often as every other.
 */
export function planFaults(kills: number, random: Random): Step[] {
  const { pick, between, chance } = random
  const victim = inTurn([...serviceNames, ...serverNames], random)
  const frozen = inTurn(serverNames, random)
  const cut = inTurn(serverNames, random)
  const parted = inTurn(serverNames, random)
  const service = inTurn(serviceNames, random)
  const detector = inTurn(detectors, random)
  const linkTo = (server: ServerName): { actor: ActorName; server: ServerName } => ({ actor: pick<ActorName>(users[server]), server })
  // The last two are longer than Kafka waits for a member of a group.
  const others: (() => Fault)[] = [
    () => ({ kind: 'freeze', actor: frozen(), seconds: between(2, 6) }),
    () => ({ kind: 'join', actor: guest, seconds: between(5, 8) }),
    () => ({ kind: 'partition', ...linkTo(parted()), seconds: between(2, 6) }),
    () => ({ kind: 'leave', actor: detector(), seconds: between(0.5, 2) }),
    () => ({ kind: 'cut', ...linkTo(cut()), seconds: between(2, 6) }),
    () => ({ kind: 'wipe', actor: 'redis', seconds: between(1, 3) }),
    () => ({ kind: 'freeze', actor: service(), seconds: between(2, 6) }),
    () => ({ kind: 'partition', actor: detector(), server: 'kafka', seconds: between(8, 11) }),
    () => ({ kind: 'freeze', actor: detector(), seconds: between(8, 11) }),
  ]
  return Array.from({ length: kills }, (_, k): Step[] => {
    const kill: Fault = { kind: 'kill', actor: victim(), seconds: between(0.2, 3) }
    const other = others[k % others.length]()
    const together = chance(1 / 3) && !(isServer(kill.actor) && isServer(other.actor)) && other.kind !== 'leave'
    return together ? [[other, { ...kill, after: between(0, other.seconds) }]] : [[kill], [other]]
  }).flat()
}

const isServer = (name: ActorName): boolean => (serverNames as readonly string[]).includes(name)

export type Actors = Record<(typeof serverNames)[number], ServerActor> & Record<(typeof serviceNames)[number] | typeof guest, ServiceActor>

const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

/** Does it and undoes it: when this resolves, the fault has ended, and a server that was started again answers. */
export async function commit({ kind, actor: name, server, seconds, after = 0 }: Fault, actors: Actors): Promise<void> {
  const actor: Actor = actors[name]
  await pause(after)
  switch (kind) {
    case 'kill':
    case 'wipe':
      actor.kill()
      await pause(seconds)
      if (kind === 'wipe') (actor as ServerActor).wipe()
      return actor.start()
    case 'freeze':
      actor.freeze()
      await pause(seconds)
      return actor.thaw()
    case 'cut':
    case 'partition': {
      const link = (actor as ServiceActor).links[server as ServerName]
      if (link.used() === 0) throw new Error(`${name} has no connection to ${server} that could be cut`)
      if (kind === 'cut') link.cut()
      else link.silence()
      await pause(seconds)
      return link.mend()
    }
    case 'leave':
      await actor.end()
      await pause(seconds)
      return actor.start()
    case 'join':
      await actor.start()
      await pause(seconds)
      return actor.end()
  }
}

/** A fault in words. */
export const worded = ({ kind, actor, server, seconds }: Fault): string =>
  `${kind} ${server ? `${actor}–${server}` : actor} for ${seconds.toFixed(1)} s`
