/**
 * The models that score: the registry's champion, up to three in shadow, and the canary; looked for every two seconds and swapped
 * between two batches. One beside the champion that cannot be used is left out.
 */
import { modelFolder } from '../../../models/artefact.ts'
import type { BackendName } from '../../../models/backend.ts'
import { loadScorer } from '../../../models/scorer.ts'
import { AssayError, messageOf } from '../../shared/errors.ts'
import type { Telemetry } from '../../shared/telemetry.ts'
import type { Database } from '../../shared/tidb/database.ts'
import { promote, register } from '../../shared/tidb/model-changes.ts'
import { championOf, registeredModel, type State, scoringVersions } from '../../shared/tidb/models.ts'
import type { Model, Models } from '../score.ts'

export type ModelInForce = {
  /** Loads what scores; where there is no champion, the shipped model becomes it. `insist` repeats what needs TiDB. */
  start(insist: <T>(work: () => Promise<T>) => Promise<T>): Promise<void>
  stop(): Promise<void>
  current(): Models
  /** Leaves one beside the champion out until it is taken back and put there again. */
  refuse(state: 'shadow' | 'canary', version: number, why: string): void
  /** Which models should score and do not, and why: the champion before goes on. */
  problems(): string[]
}

const every = 2000

/** `directory` holds the model that ships. */
export function createModelInForce(
  database: Database,
  { directory, backend }: { directory: string; backend: 'auto' | BackendName },
  telemetry: Telemetry,
): ModelInForce {
  const championVersion = telemetry.gauge('assay_detector_model_version', 'Version of the champion that scores')
  const besides = telemetry.gauge('assay_detector_challengers', 'Models that score beside the champion', ['version', 'state'])
  const refusals = telemetry.counter('assay_detector_models_refused_total', 'Models that should score and cannot be used', ['state'])
  const warn = (message: string) => telemetry.logger.warn(message)
  const loaded = new Map<number, Model>()
  /** By state and version, until it is in that state no more. */
  const refused = new Map<string, string>()
  let models: Models | undefined
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> = Promise.resolve()

  /** Scoring does not wait for anything, so that no batch is being scored while this runs. */
  const use = (next: Models) => {
    if (next.champion.version !== models?.champion.version)
      telemetry.logger.info({ version: next.champion.version, before: models?.champion.version }, 'another model is champion')
    models = next
    championVersion.set(next.champion.version)
    besides.reset()
    for (const { version } of next.shadows) besides.set({ version: String(version), state: 'shadow' }, 1)
    if (next.canary) besides.set({ version: String(next.canary.version), state: 'canary' }, 1)
  }
  const release = ({ champion, shadows, canary }: Models) => {
    const used = [champion, ...shadows, ...(canary ? [canary] : [])].map(({ version }) => version)
    for (const [version, { scorer }] of loaded) {
      if (used.includes(version)) continue
      scorer.stop()
      loaded.delete(version)
    }
  }
  const load = async (version: number): Promise<Model> => {
    const known = loaded.get(version)
    if (known) return known
    const model = { version, scorer: await loadScorer(await registeredModel(database, version), { backend, warn }) }
    loaded.set(version, model)
    return model
  }
  const refuse = (state: State, version: number, why: string) => {
    const then = state === 'champion' ? `model ${models?.champion.version} goes on` : `it is left out of ${state}`
    const text = `model ${version} cannot be used, ${then}: ${why}`
    refused.set(`${state} ${version}`, text)
    refusals.inc({ state })
    warn(text)
  }
  /** What TiDB does not answer is asked again; what is wrong with the model stays wrong. */
  const usable = async ({ state, version }: { state: State; version: number }): Promise<Model | undefined> => {
    if (refused.has(`${state} ${version}`)) return undefined
    try {
      return await load(version)
    } catch (error) {
      if (!(error instanceof AssayError)) throw error
      refuse(state, version, error.message)
      return undefined
    }
  }
  const look = async () => {
    const standing = await scoringVersions(database)
    for (const key of refused.keys()) if (!standing.some(({ state, version }) => key === `${state} ${version}`)) refused.delete(key)
    const found: (Model & { state: State; share: number | null })[] = []
    for (const { state, share, version } of standing) {
      const model = await usable({ state, version })
      if (model) found.push({ ...model, state, share })
    }
    const champion = found.find(({ state }) => state === 'champion') ?? models?.champion
    const canary = found.find(({ state }) => state === 'canary')
    if (!champion) return
    // One that was refused while the others were being loaded is still there.
    const stands = ({ state, version }: { state: State; version: number }) => !refused.has(`${state} ${version}`)
    const next: Models = {
      champion,
      shadows: found.filter((m) => m.state === 'shadow' && stands(m)),
      ...(canary && stands(canary) && { canary: { ...canary, share: canary.share ?? 0 } }),
    }
    use(next)
    release(next)
  }

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
  return {
    async start(insist) {
      const version = (await insist(() => championOf(database))) ?? (await insist(() => ship('ships with Assay')))
      const champion = await insist(() =>
        load(version).catch((error: unknown) => {
          if (error instanceof AssayError && error.code === 'model_misfit') return replaceMisfit(version, error)
          throw error
        }),
      )
      use({ champion, shadows: [] })
      await insist(look)
      timer = setInterval(() => {
        looking = looking.then(look).catch((error: unknown) => warn(`the models could not be looked for: ${messageOf(error)}`))
      }, every)
    },
    async stop() {
      clearInterval(timer)
      await looking
      for (const { scorer } of loaded.values()) scorer.stop()
      loaded.clear()
      models = undefined
    },
    current() {
      if (!models) throw new AssayError('model_missing', 'No model is loaded')
      return models
    },
    refuse(state, version, why) {
      refuse(state, version, why)
      if (!models) return
      const { canary, ...rest } = models
      use({
        ...rest,
        shadows: rest.shadows.filter((m) => state !== 'shadow' || m.version !== version),
        ...(canary && (state !== 'canary' || canary.version !== version) && { canary }),
      })
    },
    problems: () => [...refused.values()],
  }
}
