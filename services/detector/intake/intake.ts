/** From Kafka to the lane: owned partitions, their claims, and a fair share of each bank's records for every batch. */
import type { Consumer, PartitionAssigner } from 'kafkajs'
import { messageOf } from '../../shared/errors.ts'
import { tenantTopic } from '../../shared/events.ts'
import type { Bus } from '../../shared/kafka/bus.ts'
import { type Committer, createCommitter } from '../../shared/kafka/committer.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import type { Database } from '../../shared/tidb/database.ts'
import type { Tenant } from '../../shared/tidb/settings.ts'
import { type Input, inputs, type Raw } from '../batch.ts'
import { coPartitioned } from './assigner.ts'
import { claimPartition } from './claims.ts'
import { createFairShare } from './fair-share.ts'
import { Partition } from './partition.ts'

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
  /** Records of one partition that may wait before its fetching pauses. */
  room?: number
}

/** Bytes of one partition that may wait before its fetching pauses. */
const roomBytes = 4 * 1024 * 1024

/** Milliseconds that the last commit of offsets may hold up a stop. */
const longestCommit = 5000

const nameOf = (topic: string, partition: number) => `${topic}:${partition}`

export function createIntake(options: Options): Intake {
  const { bus, telemetry, group } = options
  const room = options.room ?? 1024
  let consumer: Consumer | undefined
  let committer: Committer | undefined
  let joined = false
  let stopped = true
  let partitions = new Map<string, Partition>()
  /** Topics that Kafka does not have. */
  let gone: string[] = []
  const fair = createFairShare()
  let wakeRecords: (() => void) | undefined
  const wakeRoom = new Set<() => void>()

  const wake = () => {
    wakeRecords?.()
    wakeRecords = undefined
  }
  const freeRoom = () => {
    for (const go of wakeRoom) go()
    wakeRoom.clear()
  }
  /** Resolves when there is room again, when partitions have been claimed or lost, and after a second at the latest. */
  const change = () =>
    new Promise<void>((resolve) => {
      const go = () => {
        clearTimeout(timer)
        wakeRoom.delete(go)
        resolve()
      }
      const timer = setTimeout(go, 1000)
      wakeRoom.add(go)
    })
  const seek = (p: Partition, offset: number) => {
    p.sought(offset)
    consumer?.seek({ topic: p.place.topicName, partition: p.place.partition, offset: String(offset) })
  }

  /** Whether outcomes and parties of the same customers are ours too, so that it is known how far they have been applied. */
  const joinedBySiblings = ({ place: { tenant, topic, partition } }: Partition) =>
    topic !== 'transactions' ||
    (['outcomes', 'parties'] as const).every((other) => partitions.get(nameOf(tenantTopic(tenant, other), partition))?.claimed)
  /** Whether it is ours, and its records may be decided sooner or later. */
  const ours = (p: Partition) => !p.lost && !p.problem
  /** Whether its records may be taken now. */
  const active = (p: Partition) => ours(p) && joinedBySiblings(p)
  const halt = (p: Partition, problem: string) => {
    p.problem = problem
    p.clear()
    consumer?.pause([{ topic: p.place.topicName, partitions: [p.place.partition] }])
    telemetry.logger.error({ topic: p.place.topicName, partition: p.place.partition }, problem)
  }
  const claim = claimPartition({ ...options, seek, halt, stopped: () => stopped })
  const begin = async (p: Partition, before: Partition | undefined) => {
    await claim(p, before)
    freeRoom()
    wake()
    const owned = [...partitions.values()]
    if (p.claimed && owned.every((o) => o.claimed)) telemetry.logger.info({ partitions: owned.length }, 'all partitions are claimed')
  }
  const assign = (
    tenants: ReadonlyMap<string, { tenant: string; topic: (typeof inputs)[number] }>,
    assignment: Record<string, number[]>,
  ) => {
    const before = partitions
    for (const p of before.values()) p.lost = true
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
    joined = true
    telemetry.logger.info({ partitions: partitions.size }, 'partitions are assigned')
    freeRoom()
    wake()
  }

  /** Halts a partition whose next records Kafka has deleted, once those that are here have been taken. */
  const haltIfDeleted = async (p: Partition, heartbeat: () => Promise<void>): Promise<boolean> => {
    const { tenant, topic, topicName, partition } = p.place
    const log = (await (await bus.admin()).fetchTopicOffsets(topicName)).find((o) => o.partition === partition)
    const low = Number(log?.low ?? 0)
    const wanted = Math.max(p.expected, p.next)
    if (low <= wanted) return false
    while (p.waiting > 0 && ours(p) && !stopped) {
      await change()
      await heartbeat()
    }
    halt(
      p,
      `${topicName} partition ${partition} begins at offset ${low}, but ${wanted} is next by our progress: Kafka has deleted records before they were decided. ` +
        `When the records that are left are to be decided, run: npm run assay -- progress reset --tenant ${tenant} --topic ${topic} --partition ${partition} --to ${low}`,
    )
    return true
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
      const made = bus.kafka.consumer({
        groupId: group,
        partitionAssigners: [coPartitioned as PartitionAssigner],
        minBytes: 1,
        maxWaitTimeInMs: 100,
        maxBytesPerPartition: 524_288,
        sessionTimeout: 6_000,
        heartbeatInterval: 1000,
        retry: { initialRetryTime: 50, maxRetryTime: 2000, retries: 1_000_000 },
      })
      consumer = made
      committer = createCommitter(
        (offsets) => made.commitOffsets(offsets.map(({ offset, ...place }) => ({ ...place, offset: String(offset) }))),
        // An offset that is not committed makes the next owner publish again, which readers are prepared for.
        (error) => telemetry.logger.warn({ reason: messageOf(error) }, 'Kafka did not take the offsets'),
      )
      made.on(made.events.GROUP_JOIN, ({ payload }) => {
        assign(byTopic, payload.memberAssignment as Record<string, number[]>)
        lookFor([...byTopic.keys()]).catch(() => undefined)
      })
      made.on(made.events.REBALANCING, () => {
        joined = false
      })
      made.on(made.events.CRASH, ({ payload }) => {
        joined = false
        telemetry.logger.warn({ reason: messageOf(payload.error) }, 'the consumer lost its way and starts again')
        // kafkajs gives up on errors that it holds to be lasting; whether they last is not for it to know.
        if (!payload.restart && consumer === made) options.onEnd()
      })
      await made.connect()
      await made.subscribe({ topics: [...byTopic.keys()], fromBeginning: true })
      await made.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: Math.min(64, 4 * byTopic.size),
        eachBatch: async ({ batch, resolveOffset, heartbeat, isStale, isRunning }) => {
          const p = partitions.get(nameOf(batch.topic, batch.partition))
          if (!p) return
          // A claim may take long. Without heartbeats Kafka would give the partition away, and others would wait for ours.
          while (!p.claimed && !p.lost && !stopped) {
            await change()
            await heartbeat()
          }
          if (p.lost || p.problem || isStale() || !isRunning()) return
          const fetched = Number((batch as unknown as { fetchedOffset: string }).fetchedOffset)
          if (p.skips(fetched) && (await haltIfDeleted(p, heartbeat))) return
          const instead = p.accept(fetched, Number(batch.lastOffset()), batch.messages)
          if (instead !== undefined) return seek(p, instead)
          resolveOffset(batch.lastOffset())
          // All partitions of one fetch meet in one batch.
          queueMicrotask(wake)
          while ((p.waiting > room || p.bytes > roomBytes) && !p.lost && !stopped) {
            await change()
            await heartbeat()
          }
          await heartbeat()
        },
      })
    },
    async stop() {
      stopped = true
      joined = false
      wake()
      freeRoom()
      const ending = consumer
      await committer?.flush(longestCommit)
      consumer = undefined
      committer = undefined
      await ending?.disconnect()
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
      const taken = fair([...partitions.values()].filter(active), limit)
      freeRoom()
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
      freeRoom()
      options.onUnknownHistory(p)
      // A claim that overtook ours may have been a zombie's. If Kafka still says that it is ours in a second, it is claimed anew.
      const again = new Partition(p.place)
      partitions.set(name, again)
      setTimeout(() => void begin(again, undefined), 1000)
    },
    halt,
    commit(offsets) {
      const mine = [...offsets].filter(([p]) => !p.lost)
      committer?.add(mine.map(([p, offset]) => ({ topic: p.place.topicName, partition: p.place.partition, offset })))
    },
    problems: () => [
      ...gone.map((topicName) => `${topicName} is gone; to make it anew, run: npm run assay -- tenants add ${topicName.split('.')[1]}`),
      ...new Set([...partitions.values()].flatMap((p) => p.problem ?? p.hindrance ?? [])),
    ],
    ready: () => joined || consumer === undefined,
  }
  return self
}
