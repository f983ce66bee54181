/** The servers that a bench measures on: the stack's, brought up for it where they are not. */
import { down, status, up } from '../infra/stack/stack.ts'

/** Whom a bench measures. */
export type Watched = {
  env: Record<string, string | undefined>
  /** Where the stack keeps the servers' data. */
  directory: string
  servers: { name: string; product: string; version: string; pid?: number }[]
  /** For Node, when it runs the detector. */
  flags?: readonly string[]
}

const directory = '.assay/bench'

/** Brings the bench's servers up for `work`, which says whether its targets were met, and ends those that it started. */
export async function onServers({ profile }: { profile?: string }, work: (watched: Watched) => Promise<boolean>): Promise<void> {
  const before = (await status(directory)).servers.filter((s) => s.state === 'running').length
  const stack = await up({ directory, report: ({ message }) => process.stderr.write(`${message}\n`) })
  try {
    const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
    const met = await work({ env: { ...process.env, ...stack.env }, directory, servers: stack.servers, flags })
    process.exitCode = met ? 0 : 1
  } finally {
    if (before === 0) await down(directory, { erase: true })
  }
}

/** The servers' processes. One that somebody else runs has none that we know, and is left out. */
export const processesOf = ({ servers }: Watched): { name: string; pid: number }[] =>
  servers.flatMap(({ name, product, pid }) => (pid === undefined ? [] : [{ name: name === 'sql' ? product.toLowerCase() : name, pid }]))
