/** The circumstances of a measurement, which every bench prints beside its figures. */
import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { Watched } from './servers.ts'

export type Conditions = { cores: number; cpu: string; memoryGb: number; load: number; node: string; servers: string[]; disk: string }

/** The file system in the text of `/proc/self/mounts` that holds the path. */
export function mountOf(path: string, mounts: string): string {
  const inside = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, at]) => at !== undefined && (at === '/' || path === at || path.startsWith(`${at}/`)))
  // Of two at the same place the later one lies on top.
  const [device, , type] = inside.reduce((best, found) => (found[1].length >= (best[1]?.length ?? 0) ? found : best), [] as string[])
  return device === undefined ? 'unknown' : `${type} on ${device}`
}

function diskOf(directory: string): string {
  let place = resolve(directory)
  while (!existsSync(place)) place = dirname(place)
  const { bavail, bsize } = statfsSync(place)
  const mounts = existsSync('/proc/self/mounts') ? readFileSync('/proc/self/mounts', 'utf8') : ''
  return `${mountOf(place, mounts)}, ${Math.round((bavail * bsize) / 2 ** 30)} GB free`
}

/** What the machine and the servers are, and how busy the machine is before (its load of the last minute), with what `sizes` adds of the run. */
export const conditionsOf = <Sizes extends Record<string, unknown>>({ servers, directory }: Watched, sizes: Sizes): Conditions & Sizes => ({
  cores: cpus().length,
  cpu: cpus()[0]?.model ?? 'unknown',
  memoryGb: Math.round(totalmem() / 2 ** 30),
  load: Math.round(loadavg()[0] * 10) / 10,
  node: process.versions.node,
  servers: servers.map((s) => `${s.product} ${s.version}`),
  disk: diskOf(directory),
  ...sizes,
})
