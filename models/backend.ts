/** The one place where TensorFlow.js gets its backend: the native one where it is installed, else WebAssembly. */
import { createRequire } from 'node:module'
import util from 'node:util'
import * as tf from '@tensorflow/tfjs-core'
import { messageOf } from '../services/shared/errors.ts'

export type BackendName = 'node' | 'wasm'

const require = createRequire(import.meta.url)

/** tfjs-node 4.22 asks for two functions that Node 23 removed. */
function putBack(): void {
  const old = util as unknown as Record<string, unknown>
  old.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined
  old.isArray ??= Array.isArray
}

let loaded: Promise<BackendName> | undefined

async function loadNative(): Promise<void> {
  putBack()
  // Else it says at each start that the platform was set before.
  tf.enableProdMode()
  // The library tells at each start which instructions it was not built for.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
  require('@tensorflow/tfjs-node')
  await tf.setBackend('tensorflow')
  await tf.ready()
}

async function loadWasm(): Promise<void> {
  await import('@tensorflow/tfjs-backend-wasm')
  await tf.setBackend('wasm')
  await tf.ready()
}

/** Loads a backend, once a process: `auto` takes the native one if it is there. `warn` hears once when it is not. */
export function loadBackend(
  wanted: 'auto' | BackendName = 'auto',
  warn: (message: string) => void = (message) => process.emitWarning(message),
): Promise<BackendName> {
  loaded ??= (async () => {
    if (wanted !== 'wasm') {
      try {
        await loadNative()
        return 'node'
      } catch (error) {
        if (wanted === 'node') throw error
        warn(
          `tfjs-node is not here, so the WebAssembly backend scores (${messageOf(error).split('\n')[0]}); to have it: npm run assay -- backend install`,
        )
      }
    }
    await loadWasm()
    return 'wasm'
  })()
  return loaded
}
