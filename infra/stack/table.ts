import { table } from '../table.ts'
import type { Server } from './server.ts'

/** The servers as a table for a terminal: product, version, address, where it came from, process, state where it is known. */
export function tableOf(servers: (Server & { state?: string })[]): string {
  const head = ['server', 'version', 'address', 'from', 'process', 'state']
  const rows = servers.map(({ product, version, address, from, pid, state }) => [
    product,
    version,
    address,
    from,
    pid === undefined ? '' : `${pid}`,
    state ?? 'running',
  ])
  return table(head, rows)
}
