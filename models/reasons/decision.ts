/** Why a recorded decision came out as it did: the reasons anew, from the vector in its row and the model that decided. */
import { AssayError, messageOf } from '../../services/shared/errors.ts'
import { actions, type Reason, type Transaction } from '../../services/shared/events.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { registeredModel } from '../../services/shared/tidb/models.ts'
import { decodeReasons } from '../../services/shared/tidb/row-bytes.ts'
import { decodeEvent } from '../../services/shared/tidb/row-event.ts'
import { readSettings, type Settings } from '../../services/shared/tidb/settings.ts'
import { featureNames, featureSetHash, indexOf, width } from '../fold/features.ts'
import { unpackVector } from '../fold/vector-bytes.ts'
import { createExplain, type Explain } from './explain.ts'
import { codeOf } from './groups.ts'
import { readNetwork } from './read-network.ts'

/** A feature, what the customer's usual transaction has of it, and what the difference adds to the logit. */
export type Part = { feature: string; value: number; usual: number; adds: number }

export type ExplainedDecision = {
  tenant: string
  transaction: string
  event: Transaction
  customer: string
  /** Milliseconds since 1970. */
  time: number
  decided: number
  score: number
  action: (typeof actions)[number]
  alert: boolean
  /** Whether it was approved and drawn for review. */
  sampled: boolean
  /** Those in force then, and the version of the settings that had them. */
  thresholds: Settings['thresholds']
  settings: number
  model: number
  /** The score that the vector gives now, and that of the customer's usual transaction. */
  computed: { score: number; usual: number }
  /** As they were recorded: none where it was approved. */
  recorded: Reason[]
  /** Computed anew, with the features behind each, the most telling first. */
  reasons: (Reason & { features: Part[] })[]
  /** What lowers the score most. */
  lowered: Part[]
}

type Row = {
  customer: string
  time: number
  decided: number
  event: Buffer
  features: Buffer
  feature_set: Buffer
  score: number
  action: number
  alert: number
  sampled: number
  reasons: Buffer | null
  model: number
  policy: number
}

const mostLowered = 5
const most = 4
const sigmoid = (logit: number) => 1 / (1 + Math.exp(-logit))
const short = (x: number) => Number(x.toPrecision(4))

async function rowOf(database: Database, tenant: string, id: string): Promise<Row> {
  const [row] = await database.query<Row>(
    `SELECT customer, time, decided, event, features, feature_set, score, action, alert, sampled, reasons, model, policy
     FROM transactions WHERE tenant = ? AND id = ?`,
    [tenant, id],
  )
  if (row) return row
  throw new AssayError(
    'decision_unknown',
    `No transaction ${id} of ${tenant} was decided; if it was sent, look for it with: npm run assay -- dead-letters list --tenant ${tenant}`,
    { status: 404 },
  )
}

/** Makes the function for a database. Models of the last decisions are kept: a version never changes. */
export function createExplainDecision(database: Database): (tenant: string, id: string) => Promise<ExplainedDecision> {
  const models = new Map<number, Promise<Explain>>()
  const modelOf = (version: number, id: string): Promise<Explain> => {
    const known = models.get(version)
    if (known) return known
    const reading = registeredModel(database, version)
      .then(readNetwork)
      .then(createExplain)
      .catch((error: unknown) => {
        models.delete(version)
        if (!(error instanceof AssayError)) throw error
        throw new AssayError(error.code, `Model ${version}, which decided ${id}, cannot explain it any more: ${messageOf(error)}`, {
          cause: error,
          status: 409,
        })
      })
    models.set(version, reading)
    for (const old of models.keys()) if (models.size > most) models.delete(old)
    return reading
  }

  /** Throws `decision_unknown`, `features_differ`, `features_damaged`, and `model_unknown`, `model_corrupt` or `model_misfit` where the model is gone. */
  return async function explainDecision(tenant, id) {
    const row = await rowOf(database, tenant, id)
    if (row.feature_set.toString('hex') !== featureSetHash)
      throw new AssayError(
        'features_differ',
        `${id} was decided on features of another version, which this one cannot explain; the reasons that were recorded with it stand`,
        { status: 409 },
      )
    const explain = await modelOf(row.model, id)
    const { thresholds } = await readSettings(database, tenant, row.policy)
    const vector = new Float32Array(width)
    if (!unpackVector(row.features, vector, 0, width))
      throw new AssayError(
        'features_damaged',
        `The features of ${id} are no vector of ${width}; the reasons that were recorded with it stand`,
        {
          status: 409,
        },
      )
    const [{ logit, usualLogit, usual, added, reasons }] = explain(vector, [0])
    const parts = featureNames.map((feature, f): Part & { code: string | undefined } => ({
      feature,
      value: short(vector[f]),
      usual: short(usual[f]),
      adds: short(added[f]),
      code: codeOf(
        feature,
        (name) => vector[indexOf(name)],
        (name) => usual[indexOf(name)],
      ),
    }))
    const plain = ({ feature, value, usual: usually, adds }: Part): Part => ({ feature, value, usual: usually, adds })
    return {
      tenant,
      transaction: id,
      event: decodeEvent({ ...row, tenant, id }),
      customer: row.customer,
      time: Number(row.time),
      decided: Number(row.decided),
      score: row.score,
      action: actions[row.action],
      alert: row.alert === 1,
      sampled: row.sampled === 1,
      thresholds,
      settings: row.policy,
      model: row.model,
      computed: { score: short(sigmoid(logit)), usual: short(sigmoid(usualLogit)) },
      recorded: decodeReasons(row.reasons),
      reasons: reasons.map((reason) => ({
        ...reason,
        features: parts
          .filter(({ code, adds }) => code === reason.code && adds !== 0)
          .sort((a, b) => b.adds - a.adds)
          .map(plain),
      })),
      lowered: parts
        .filter(({ adds }) => adds < 0)
        .sort((a, b) => a.adds - b.adds)
        .slice(0, mostLowered)
        .map(plain),
    }
  }
}
