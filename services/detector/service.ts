/** The detector: says how risky each transaction is, what to do, and why. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { featureSetHash } from '../../models/fold/features.ts'
import type { Config } from '../shared/config.ts'
import { messageOf } from '../shared/errors.ts'
import { createBus } from '../shared/kafka/bus.ts'
import { type Service, untilItWorks } from '../shared/lifecycle.ts'
import type { Telemetry } from '../shared/telemetry.ts'
import { createDatabase } from '../shared/tidb/database.ts'
import { positionOf } from './batch.ts'
import { createCanaryWatch } from './canary/watch.ts'
import { createCounters } from './counters/counters.ts'
import { createWaitingLabels } from './counters/waiting.ts'
import { createIntake } from './intake/intake.ts'
import { createLane } from './lane.ts'
import { createMeters } from './meters.ts'
import { decideTransactions } from './pipeline.ts'
import { createRecorder } from './record.ts'
import { createInForce } from './state/in-force.ts'
import { createModelInForce } from './state/model-in-force.ts'
import { createProfiles } from './state/profiles.ts'
import { createRates } from './state/rates.ts'

/** Bytes of customers’ histories kept in memory: about 97,000 customers with 30 transactions each. A detector then stays under 700 MB. */
const profileBytes = 176 * 1024 * 1024

export function createDetector(
  config: Config,
  telemetry: Telemetry,
  options: { clock?: () => number; profileBytes?: number } = {},
): Service {
  const clock = options.clock ?? Date.now
  const database = createDatabase(config.sql)
  const bus = createBus(config.kafka, { name: 'assay-detector', telemetry })
  const rates = createRates(database)
  const profiles = createProfiles(database, options.profileBytes ?? profileBytes)
  const counters = createCounters({ redis: config.redis, group: config.group, database, telemetry })
  const recorder = createRecorder(database, telemetry, Buffer.from(featureSetHash, 'hex'))
  const models = createModelInForce(database, { directory: config.modelDirectory, backend: config.backend }, telemetry)
  const canary = createCanaryWatch({ database, bus, telemetry, limits: config.guards, refuse: models.refuse, clock })
  let stopped = true
  let restarting: Promise<void> = Promise.resolve()

  const detection = decideTransactions({ rates, profiles, counters, database, models, canary, recorder, bus, clock })
  const intake = createIntake({
    bus,
    database,
    telemetry,
    group: `${config.group}-detector`,
    owner: `${hostname().slice(0, 20)}-${randomUUID()}`.slice(0, 64),
    onUnknownHistory: (p) => profiles.dropPartition(p.place.tenant, p.place.partition),
    onClaimed: ({ place: { tenant, topic, partition }, log, next }) => {
      if (topic === 'transactions' || topic === 'labels') counters.catchUp({ tenant, topic, partition }, positionOf(log, next))
    },
    idle: () => lane.idle(),
    onEnd: () => void join(),
  })
  /** Joins the group with the topics of the banks that there are now, once whatever joining there is has ended. */
  const join = (): Promise<void> => {
    const joining = async () => {
      await intake.stop()
      if (!stopped) await intake.start([...inForce.tenants().values()])
    }
    restarting = restarting.then(() =>
      untilItWorks('Kafka', telemetry, () => stopped, joining).catch((error: unknown) =>
        telemetry.logger.warn({ reason: messageOf(error) }, 'the group was not joined, since the detector stops'),
      ),
    )
    return restarting
  }
  /** Whether a change of the banks is to be followed; the first joining follows by itself. */
  let following = false
  const inForce = createInForce(database, rates, telemetry, () => {
    if (following) void join()
  })
  const lane = createLane({
    intake,
    detection,
    database,
    profiles,
    counters,
    tenants: () => inForce.tenants(),
    telemetry,
    meters: createMeters(telemetry),
  })

  const waitingLabels = createWaitingLabels({ database, bus, telemetry, owned: () => intake.owned('labels') })

  return {
    name: 'detector',
    async start() {
      if (!stopped) return
      stopped = false
      const over = () => stopped
      const insist = <T>(work: () => Promise<T>) => untilItWorks('TiDB', telemetry, over, work)
      await insist(() => database.ping())
      await models.start(insist)
      await untilItWorks('Kafka', telemetry, over, () => bus.start())
      await insist(() => inForce.start())
      if (stopped) return inForce.stop()
      following = true
      counters.start()
      lane.start()
      canary.start()
      waitingLabels.start()
      await join()
    },
    async stop() {
      if (stopped) return
      stopped = true
      following = false
      // First, since whoever joins waits for the batch in hand, which may wait for TiDB.
      recorder.endRetries()
      counters.endRetries()
      await inForce.stop()
      await restarting
      await waitingLabels.stop()
      await canary.stop()
      await lane.stop()
      await intake.stop()
      await recorder.stop()
      await counters.stop()
      await bus.stop()
      await models.stop()
      await database.stop()
    },
    health() {
      const problems = intake.problems()
      for (const problem of [recorder.problem(), counters.problem(), lane.problem()]) if (problem) problems.push(problem)
      if (stopped) problems.push('the detector is not started')
      else if (!intake.ready()) problems.push('the detector has not joined its Kafka group')
      const ready = problems.length === 0
      // The champion before goes on deciding, and whoever stands beside it never did.
      problems.push(...models.problems())
      return { ready, problems }
    },
  }
}
