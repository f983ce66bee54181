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
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)))
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
