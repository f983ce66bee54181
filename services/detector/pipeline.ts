/** The detector in one sentence: parse, enrich, score and decide a batch; record it; then publish it. */
import type { Bus } from '../shared/kafka/bus.ts'
import { pipeline } from '../shared/pipeline.ts'
import type { Database } from '../shared/tidb/database.ts'
import type { CanaryWatch } from './canary/watch.ts'
import type { Counters } from './counters/counters.ts'
import { decide } from './decide.ts'
import { enrich } from './enrich.ts'
import { parse } from './parse.ts'
import { publish } from './publish.ts'
import { type Recorder, record } from './record.ts'
import { score } from './score.ts'
import type { ModelInForce } from './state/model-in-force.ts'
import type { Profiles } from './state/profiles.ts'
import type { Rates } from './state/rates.ts'

type Deps = {
  rates: Rates
  profiles: Profiles
  counters: Counters
  database: Database
  models: ModelInForce
  canary: CanaryWatch
  recorder: Recorder
  bus: Bus
  clock: () => number
}

export const decideTransactions = (d: Deps) => ({
  prepare: pipeline(parse(d.rates, d.clock), enrich(d.profiles, d.counters, d.database), score(d.models, d.canary), decide(d.clock)),
  record: record(d.recorder),
  publish: publish(d.bus),
})

export type Detection = ReturnType<typeof decideTransactions>
