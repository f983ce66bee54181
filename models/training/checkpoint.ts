/** What a training that was broken off goes on from. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { deserialize, serialize } from 'node:v8'
import { AssayError, messageOf } from '../../services/shared/errors.ts'
import type { NetworkState } from './fit-network.ts'

export class Checkpoint {
  readonly #path: string
  readonly #of: string
  #states: Record<string, NetworkState>

  /** `of` names the data and the choices: what was kept of others is not taken. */
  constructor(path: string, of: string) {
    this.#path = path
    this.#of = of
    this.#states = this.#read()
  }

  #read(): Record<string, NetworkState> {
    if (!existsSync(this.#path)) return {}
    try {
      const kept = deserialize(readFileSync(this.#path)) as { of: string; states: Record<string, NetworkState> }
      return kept.of === this.#of ? kept.states : {}
    } catch {
      // Only this file's own writer replaces it, and whole; one that cannot be read is nobody's progress.
      return {}
    }
  }

  stateOf(network: string): NetworkState | undefined {
    return this.#states[network]
  }

  /** Throws `checkpoint_unwritable` when the disk is full. */
  save(network: string, state: NetworkState): void {
    this.#states[network] = state
    try {
      writeFileSync(`${this.#path}.new`, serialize({ of: this.#of, states: this.#states }))
      renameSync(`${this.#path}.new`, this.#path)
    } catch (error) {
      rmSync(`${this.#path}.new`, { force: true })
      throw new AssayError('checkpoint_unwritable', `The training's progress cannot be kept in ${this.#path}: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }

  remove(): void {
    rmSync(this.#path, { force: true })
  }
}
