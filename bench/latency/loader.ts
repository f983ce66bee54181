/** The process of the load, as the bench speaks to it. */
import { type ChildProcess, fork } from 'node:child_process'
import type { Answer, LoadOptions, Order } from './load.ts'

export type Loader<Orders = Order, Answers extends { kind: string } = Answer> = {
  pid: number
  order(order: Orders): void
  /** The next answer of this kind; rejects when the process ends instead. */
  answer<Kind extends Answers['kind']>(kind: Kind): Promise<Extract<Answers, { kind: Kind }>>
  stop(): void
}

/** Starts it; it is ready when it says so. */
export const createLoader = (options: LoadOptions): Loader => startLoad('bench/latency/load.ts', options)

/** Starts another load that is spoken to in the same way. */
export function startLoad<Orders extends object, Answers extends { kind: string }>(
  entry: string,
  options: object,
): Loader<Orders, Answers> {
  const child: ChildProcess = fork('infra/bootstrap.mjs', [entry, JSON.stringify(options)], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  return {
    pid: child.pid as number,
    order: (order) => void child.send(order),
    answer: (kind) =>
      new Promise((resolve, reject) => {
        const end = () => reject(new Error('the load ended by itself; its last words are above'))
        const hear = (answer: Answers) => {
          if (answer.kind !== kind) return
          child.off('message', hear)
          child.off('exit', end)
          resolve(answer as Extract<Answers, { kind: typeof kind }>)
        }
        child.on('message', hear)
        child.once('exit', end)
      }),
    stop: () => {
      if (child.connected) child.disconnect()
    },
  }
}
