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

const loaded = new Map<string, Promise<BackendName>>()
/** What TensorFlow.js calls them. */
const names = { node: 'tensorflow', wasm: 'wasm' } as const

async function loadNative(): Promise<void> {
  putBack()
  // Else it says at each start that the platform was set before.
  tf.enableProdMode()
  // The library tells at each start which instructions it was not built for.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
  require('@tensorflow/tfjs-node')
  await tf.setBackend(names.node)
  await tf.ready()
}

async function loadWasm(): Promise<void> {
  await import('@tensorflow/tfjs-backend-wasm')
  await tf.setBackend(names.wasm)
  await tf.ready()
}

/** Loads a backend, once a process, and makes it the one that works from now on: `auto` takes the native one if it is there. `warn` hears once when it is not. */
export async function loadBackend(
  wanted: 'auto' | BackendName = 'auto',
  warn: (message: string) => void = (message) => process.emitWarning(message),
): Promise<BackendName> {
  const loading = loaded.get(wanted) ?? load(wanted, warn)
  loaded.set(wanted, loading)
  const name = await loading
  if (tf.getBackend() !== names[name]) await tf.setBackend(names[name])
  return name
}

async function load(wanted: 'auto' | BackendName, warn: (message: string) => void): Promise<BackendName> {
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
}
