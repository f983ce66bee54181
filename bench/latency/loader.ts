/** The process of the load, as the bench speaks to it. */
import { type ChildProcess, fork } from 'node:child_process'
import type { Answer, LoadOptions, Order } from './load.ts'

type Of<Kind extends Answer['kind']> = Extract<Answer, { kind: Kind }>
export type Loader = {
  pid: number
  order(order: Order): void
  /** The next answer of this kind; rejects when the process ends instead. */
  answer<Kind extends Answer['kind']>(kind: Kind): Promise<Of<Kind>>
  stop(): void
}

/** Starts it; it is ready when it says so. */
export function createLoader(options: LoadOptions): Loader {
  const child: ChildProcess = fork('infra/bootstrap.mjs', ['bench/latency/load.ts', JSON.stringify(options)], {
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
        const hear = (answer: Answer) => {
          if (answer.kind !== kind) return
          child.off('message', hear)
          child.off('exit', end)
          resolve(answer as Of<typeof kind>)
        }
        child.on('message', hear)
        child.once('exit', end)
      }),
    stop: () => {
      if (child.connected) child.disconnect()
    },
  }
}
