/** The model that scores: the registry's champion, looked for every two seconds and swapped between two batches. */
import { modelFolder } from '../../../models/artefact.ts'
import type { BackendName } from '../../../models/backend.ts'
import { loadScorer } from '../../../models/scorer.ts'
import type { Database } from '../../shared/database.ts'
import { AssayError, messageOf } from '../../shared/errors.ts'
import { championOf, promote, register, registeredModel } from '../../shared/models.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import type { Model } from '../score.ts'

export type ModelInForce = {
  /** Loads the champion; where there is none, the shipped model becomes it. `insist` repeats what needs TiDB. */
  start(insist: <T>(work: () => Promise<T>) => Promise<T>): Promise<void>
  stop(): Promise<void>
  current(): Model
  /** Why the champion does not score, if so: the one before goes on. */
  problem(): string | undefined
}

const every = 2000

/** `directory` holds the model that ships. */
export function createModelInForce(
  database: Database,
  { directory, backend }: { directory: string; backend: 'auto' | BackendName },
  telemetry: Telemetry,
): ModelInForce {
  const version = telemetry.gauge('assay_detector_model_version', 'Version of the model that scores')
  const refused = telemetry.counter(
    'assay_detector_models_refused_total',
    'Champions that could not be loaded, so that the one before went on',
  )
  const warn = (message: string) => telemetry.logger.warn(message)
  let model: Model | undefined
  let problem: { version: number; text: string } | undefined
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> = Promise.resolve()

  /** Scoring does not wait for anything, so that no batch is being scored while this runs. */
  const use = (next: Model) => {
    model?.scorer.stop()
    model = next
    problem = undefined
    version.set(next.version)
  }
  const load = async (champion: number): Promise<Model> => ({
    version: champion,
    scorer: await loadScorer(await registeredModel(database, champion), { backend, warn }),
  })
  const ship = async (reason: string): Promise<number> => {
    // One that does not fit is an error of whoever chose it.
    const scorer = await loadScorer(directory, { backend, warn })
    scorer.stop()
    return register(database, modelFolder(directory), { by: 'assay', reason })
  }
  /** A champion of an older version of Assay cannot score any more; what ships with this one can. */
  const replaceMisfit = async (champion: number, misfit: AssayError): Promise<Model> => {
    const shipped = await ship('ships with this version')
    if (shipped === champion) throw misfit
    warn(`model ${champion} does not fit this version; model ${shipped}, which ships with it, becomes champion (${misfit.message})`)
    const reason = `model ${champion} does not fit this version's features`
    await promote(database, shipped, { by: 'assay', reason, insteadOf: champion, secondPerson: false }).catch((error: unknown) => {
      // Another detector that starts at this moment did it.
      if (!(error instanceof AssayError)) throw error
    })
    return load((await championOf(database)) ?? shipped)
  }
  const look = async () => {
    const champion = await championOf(database)
    if (champion === undefined || champion === model?.version) {
      if (champion !== undefined) problem = undefined
      return
    }
    try {
      const next = await load(champion)
      telemetry.logger.info({ version: champion, before: model?.version }, 'another model is champion')
      use(next)
    } catch (error) {
      // What TiDB does not answer is asked again; what is wrong with the model is said until there is another.
      if (!(error instanceof AssayError)) throw error
      if (problem?.version !== champion) {
        refused.inc()
        warn(`model ${champion} cannot be used, model ${model?.version} goes on: ${error.message}`)
      }
      problem = { version: champion, text: `model ${champion} cannot be used, model ${model?.version} goes on: ${error.message}` }
    }
  }
  return {
    async start(insist) {
      const champion = (await insist(() => championOf(database))) ?? (await insist(() => ship('ships with Assay')))
      use(
        await insist(() =>
          load(champion).catch((error: unknown) => {
            if (error instanceof AssayError && error.code === 'model_misfit') return replaceMisfit(champion, error)
            throw error
          }),
        ),
      )
      timer = setInterval(() => {
        looking = looking.then(look).catch((error: unknown) => warn(`the champion could not be looked for: ${messageOf(error)}`))
      }, every)
    },
    async stop() {
      clearInterval(timer)
      await looking
      model?.scorer.stop()
      model = undefined
    },
    current() {
      if (!model) throw new AssayError('model_missing', 'No model is loaded')
      return model
    },
    problem: () => problem?.text,
  }
}
