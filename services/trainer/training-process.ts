/** The process that trains: gets an errand from the trainer that started it, tells it how far it is and what came of it, and ends with it. */
import { setPriority } from 'node:os'
import { AssayError, messageOf } from '../shared/errors.ts'
import { createDatabase, isConnectionLost } from '../shared/tidb/database.ts'
import { type Errand, type Outcome, tooMuch, type Word } from './spawn-training.ts'
import { trainAndJudge } from './train-and-judge.ts'

const say = (word: Word): Promise<void> =>
  new Promise((resolve) => {
    process.send?.(word, undefined, undefined, () => resolve())
  })

async function end(outcome: Outcome): Promise<never> {
  await say({ outcome })
  process.exit(0)
}

function failure(error: unknown): Outcome {
  if (isConnectionLost(error)) return { state: 'lost', words: messageOf(error) }
  const full = (error as NodeJS.ErrnoException).code === 'ENOSPC'
  return {
    state: 'failed',
    code: error instanceof AssayError ? error.code : full ? 'disk_full' : 'training_failed',
    words: messageOf(error),
  }
}

async function train({ sql, order }: Errand): Promise<void> {
  const bytes = order.memory * 2 ** 20
  const watch = () => {
    if (process.memoryUsage.rss() > bytes) void end(tooMuch(order.memory))
  }
  watch()
  setInterval(watch, 500)
  // Rows that do not fit into memory lie beside the checkpoint.
  process.env.TMPDIR = order.folder
  const database = createDatabase(sql, { poolSize: 1 })
  await end(await trainAndJudge(database, order, (progress) => void say({ progress })).catch(failure))
}

// Decisions go first where they share a machine.
setPriority(10)
// Whoever takes over from a trainer that died trains anew; two that write one checkpoint would help nobody.
process.once('disconnect', () => process.exit(1))
process.once('message', (errand: Errand) => void train(errand))
