/** Training in a process of its own: its memory is bounded, and what happens to it happens to nobody else. */
import { spawn } from 'node:child_process'
import { dirname, extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SqlAddress } from '../shared/config.ts'
import type { Judged, Order } from './train-and-judge.ts'

/** `lost`: TiDB went away, or the process was killed, so that it is to be tried again. */
export type Outcome = Judged | { state: 'failed'; code: string; words: string } | { state: 'lost'; words: string }
/** What the process says. */
export type Word = { progress: string } | { outcome: Outcome }
/** What it is told, once. */
export type Errand = { sql: SqlAddress; order: Order }

export type Training = { done: Promise<Outcome>; kill(): void }

const own = fileURLToPath(import.meta.url)
const ending = extname(own)
const program = own.replace(/spawn-training\.[jt]s$/, `training-process${ending}`)
/** From the sources, it is run as this one was. */
const runner = ending === '.ts' ? ['infra/bootstrap.mjs'] : []
const mostWords = 4000

/** What to do when the memory was not enough. */
export const tooMuch = (memory: number): Outcome => ({
  state: 'failed',
  code: 'memory_exceeded',
  words: `The training needed more than ${memory} MB: raise ASSAY_TRAINER_MEMORY, or take a shorter time: npm run model -- retrain --from <date>`,
})

/** Starts it. `done` never rejects: a process that ends without an outcome is an outcome too. */
export function spawnTraining({ sql, order }: Errand, progress: (line: string) => void): Training {
  const heap = `--max-old-space-size=${Math.floor(order.memory / 2)}`
  const child = spawn(process.execPath, [heap, ...runner, program], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    cwd: dirname(dirname(dirname(own))),
  })
  let outcome: Outcome | undefined
  let words = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-mostWords)
  })
  child.on('message', (word: Word) => {
    if ('progress' in word) progress(word.progress)
    else outcome = word.outcome
  })
  const done = new Promise<Outcome>((resolve) => {
    child.once('error', (error) => resolve({ state: 'lost', words: `the process that trains could not be started: ${error.message}` }))
    child.once('close', (code, signal) => {
      const full = /heap out of memory|Allocation failed/i.test(words)
      const how = signal ? `was ended by ${signal}` : `ended with status ${code}`
      resolve(
        outcome ??
          (full
            ? tooMuch(order.memory)
            : { state: 'lost', words: `the process that trains ${how}${words ? `: ${words.trim().split('\n').at(-1)}` : ''}` }),
      )
    })
  })
  child.send({ sql, order } satisfies Errand, () => undefined)
  return { done, kill: () => void child.kill('SIGKILL') }
}
