/** From Kafka to the lane: owned partitions, their claims, and a fair share of each bank's records for every batch. */
import { tenantTopic } from '../../shared/events.ts'
import type { Bus } from '../../shared/kafka/bus.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import type { Database } from '../../shared/tidb/database.ts'
import type { Tenant } from '../../shared/tidb/settings.ts'
import { type Input, inputs, type Raw } from '../batch.ts'
import { Changes } from './changes.ts'
import { claimPartition } from './claims.ts'
import { createFairShare } from './fair-share.ts'
import { createMember, type Member } from './member.ts'
import { Partition } from './partition.ts'
import { receive } from './receive.ts'
import { fetchBytes, withRoom } from './room.ts'

export type Intake = {
  start(tenants: readonly Tenant[]): Promise<void>
  stop(): Promise<void>
  /** Resolves when a record waits, or when the intake stops. */
  waitForRecords(): Promise<void>
  /** Lets go of whoever waits for records. */
  interrupt(): void
  waiting(): number
  /** A batch: all to be decided, or all to be read back. From each bank in turn, at most `limit`, and no more bytes than a transaction holds. */
  take(limit: number): Raw[]
  /** Puts records back that were taken from `from`. Those of a partition that was claimed anew since come from Kafka again. */
  putBack(records: readonly Raw[], from: { has(partition: Partition): boolean }): void
  partition(raw: Raw): Partition | undefined
  /** Where the claimed partitions of this name are. */
  owned(topic: Input): Partition['place'][]
  /** Another detector owns it: nothing of it is taken until it is assigned anew. */
  lose(raw: Pick<Raw, 'tenant' | 'topic' | 'partition'>): void
  /** Takes nothing more from the partition and says why. */
  halt(partition: Partition, problem: string): void
  /** Notes that all before these offsets is published, for Kafka to be told soon. */
  commit(offsets: ReadonlyMap<Partition, number>): void
  problems(): string[]
  ready(): boolean
}

type Options = {
  bus: Bus
  database: Database
  telemetry: Telemetry
  group: string
  owner: string
  /** Called when a partition's history may have been changed by another owner. */
  onUnknownHistory: (partition: Partition) => void
  /** Called when a partition has been claimed, and stands where TiDB says. */
  onClaimed: (partition: Partition) => void
  /** Resolves when no batch is in hand. */
  idle: () => Promise<void>
  /** Called when the consumer has given up for good and has to be made anew. */
  onEnd: () => void
}

const nameOf = (topic: string, partition: number) => `${topic}:${partition}`

export function createIntake(options: Options): Intake {
  const { bus, telemetry, group } = options
  let member: Member | undefined
  let stopped = true
  let partitions = new Map<string, Partition>()
  /** Topics that Kafka does not have. */
  let gone: string[] = []
  const fair = createFairShare()
  let wakeRecords: (() => void) | undefined
  const changes = new Changes()

  const wake = () => {
    wakeRecords?.()
    wakeRecords = undefined
  }
  const seek = (p: Partition, offset: number) => {
    p.sought(offset)
    member?.seek(p.place, offset)
  }

  /** Whether outcomes and parties of the same customers are ours too, so that it is known how far they have been applied. */
  const joinedBySiblings = ({ place: { tenant, topic, partition } }: Partition) =>
    topic !== 'transactions' ||
    (['outcomes', 'parties'] as const).every((other) => partitions.get(nameOf(tenantTopic(tenant, other), partition))?.claimed)
  /** Whether it is ours, and its records may be decided sooner or later. */
  const ours = (p: Partition) => !p.lost && !p.problem
  /** Whether its records may be taken now. */
  const active = (p: Partition) => ours(p) && joinedBySiblings(p)
  /** Has a partition fetched again that was paused. */
  const resume = (p: Partition) => {
    p.resume?.()
    p.resume = undefined
  }
  const halt = (p: Partition, problem: string) => {
    p.problem = problem
    p.resume = undefined
    p.clear()
    member?.pause(p.place)
    telemetry.logger.error({ topic: p.place.topicName, partition: p.place.partition }, problem)
  }
  const claim = claimPartition({ ...options, seek, halt, stopped: () => stopped })
  const begin = async (p: Partition, before: Partition | undefined) => {
    await claim(p, before)
    changes.tell()
    wake()
    const owned = [...partitions.values()]
    if (p.claimed && owned.every((o) => o.claimed)) telemetry.logger.info({ partitions: owned.length }, 'all partitions are claimed')
  }
  const assign = (
    tenants: ReadonlyMap<string, { tenant: string; topic: (typeof inputs)[number] }>,
    assignment: Record<string, number[]>,
  ) => {
    const before = partitions
    for (const p of before.values()) {
      p.lost = true
      resume(p)
    }
    partitions = new Map()
    for (const [topicName, list] of Object.entries(assignment)) {
      const of = tenants.get(topicName)
      if (!of) continue
      for (const partition of list) {
        const p = new Partition({ ...of, topicName, partition })
        partitions.set(nameOf(topicName, partition), p)
        const old = before.get(nameOf(topicName, partition))
        void begin(p, old)
      }
    }
    telemetry.logger.info({ partitions: partitions.size }, 'partitions are assigned')
    changes.tell()
    wake()
  }

  /** Notes which topics are gone; when Kafka does not say, the next joining asks again. */
  const lookFor = async (topicNames: readonly string[]) => {
    const there = new Set(await (await bus.admin()).listTopics())
    gone = topicNames.filter((topicName) => !there.has(topicName))
  }

  const self: Intake = {
    async start(tenants) {
      stopped = false
      const byTopic = new Map(
        tenants.flatMap(({ tenant }) => inputs.map((topic) => [tenantTopic(tenant, topic), { tenant, topic }] as const)),
      )
      if (byTopic.size === 0) return
      member = createMember({
        bus,
        telemetry,
        group,
        topicNames: [...byTopic.keys()],
        fetchBytes: fetchBytes(inputs.length * tenants.reduce((sum, { partitions: of }) => sum + of, 0)),
        onBatch: receive({
          bus,
          hasRoom: (p) => withRoom([p], [...partitions.values()]).length > 0,
          changes,
          partition: (topicName, partition) => partitions.get(nameOf(topicName, partition)),
          seek,
          halt,
          wake,
          stopped: () => stopped,
        }),
        onAssigned(assignment) {
          assign(byTopic, assignment)
          lookFor([...byTopic.keys()]).catch(() => undefined)
        },
        onEnd: options.onEnd,
      })
      await member.start()
    },
    async stop() {
      stopped = true
      wake()
      changes.tell()
      await member?.stop()
      member = undefined
      for (const p of partitions.values()) p.lost = true
      partitions = new Map()
    },
    waitForRecords: () =>
      self.waiting() > 0 || stopped
        ? Promise.resolve()
        : new Promise((resolve) => {
            wakeRecords = resolve
          }),
    interrupt() {
      wake()
    },
    waiting() {
      let sum = 0
      for (const p of partitions.values()) if (active(p)) sum += p.waiting
      return sum
    },
    take(limit) {
      const all = [...partitions.values()]
      const taken = fair(all.filter(active), limit)
      const paused = all.filter((p) => p.resume)
      for (const p of withRoom(paused, all)) resume(p)
      changes.tell()
      return taken
    },
    putBack(records, from) {
      const by = new Map<Partition, Raw[]>()
      for (const r of records) {
        const p = self.partition(r)
        if (!p || !ours(p) || !from.has(p)) continue
        const list = by.get(p)
        if (list) list.push(r)
        else by.set(p, [r])
      }
      for (const [p, list] of by) p.putBack(list)
    },
    partition: (raw) => partitions.get(nameOf(tenantTopic(raw.tenant, raw.topic), raw.partition)),
    owned: (topic) => [...partitions.values()].flatMap((p) => (p.place.topic === topic && p.claimed && !p.lost ? [p.place] : [])),
    lose(place) {
      const name = nameOf(tenantTopic(place.tenant, place.topic), place.partition)
      const p = partitions.get(name)
      if (!p) return
      p.lost = true
      p.clear()
      resume(p)
      changes.tell()
      options.onUnknownHistory(p)
      // A claim that overtook ours may have been a zombie's. If Kafka still says that it is ours in a second, it is claimed anew.
      const again = new Partition(p.place)
      partitions.set(name, again)
      setTimeout(() => void begin(again, undefined), 1000)
    },
    halt,
    commit(offsets) {
      const mine = [...offsets].filter(([p]) => !p.lost)
      member?.commit(mine.map(([p, offset]) => ({ topic: p.place.topicName, partition: p.place.partition, offset })))
    },
    problems: () => [
      ...gone.map((topicName) => `${topicName} is gone; to make it anew, run: npm run assay -- tenants add ${topicName.split('.')[1]}`),
      ...new Set([...partitions.values()].flatMap((p) => p.problem ?? p.hindrance ?? [])),
    ],
    ready: () => member === undefined || member.joined(),
  }
  return self
}
