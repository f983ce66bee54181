/** What a process has used so far, from /proc. */
import { readFileSync } from 'node:fs'

const ticksASecond = 100

/** CPU seconds, user and system, in the text of `/proc/<pid>/stat`; the name in it may hold spaces and brackets. */
export function cpuSecondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksASecond
}

/** CPU seconds that a process has used, this one's to the microsecond; NaN for one that is gone. */
export function cpuSeconds(pid: number): number {
  if (pid === process.pid) {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  }
  try {
    return cpuSecondsIn(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return Number.NaN
  }
}

/** Memory that the process has now, in MB; NaN for one that is gone. */
export function memoryOf(pid: number): number {
  try {
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)
  } catch {
    return Number.NaN
  }
}

/** Most memory that the process ever had, in MB. */
export function peakMemory(pid: number): number {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)
  } catch {
    return 0
  }
}

const rounded = (x: number, digits: number) => Math.round(x * 10 ** digits) / 10 ** digits

/**
 * Begins to count the CPU time of processes; what it returns gives the microseconds that each has used since then, by so many transactions,
 * rounded to so many digits after the point.
 */
export function meterCpu(
  processes: readonly { name: string; pid: number }[],
  digits = 0,
): (transactions: number) => Record<string, number> {
  const before = processes.map(({ pid }) => cpuSeconds(pid))
  return (transactions) =>
    Object.fromEntries(processes.map(({ name, pid }, i) => [name, rounded(((cpuSeconds(pid) - before[i]) * 1e6) / transactions, digits)]))
}

/** CPU by process as a line. */
export const cpuLine = (cpuUs: Record<string, number>): string =>
  Object.entries(cpuUs)
    .map(([name, us]) => `${name} ${us}`)
    .join(', ')

export type Spread = { min: number; median: number; max: number }

/** Minimum, median and maximum, rounded to so many digits after the point. */
export function spreadOf(values: readonly number[], digits = 0): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return {
    min: rounded(sorted[0], digits),
    median: rounded((sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2, digits),
    max: rounded(sorted[sorted.length - 1], digits),
  }
}

export type Percentiles = { p50: number; p95: number; p99: number; p999: number; max: number }

/** The least value that the given part of all values does not exceed (nearest rank), rounded to tenths. Throws when there is none. */
export function percentilesOf(values: readonly number[]): Percentiles {
  if (values.length === 0) throw new Error('nothing was measured')
  const sorted = values.toSorted((a, b) => a - b)
  const at = (perMille: number) => rounded(sorted[Math.ceil((perMille * sorted.length) / 1000) - 1], 1)
  return { p50: at(500), p95: at(950), p99: at(990), p999: at(999), max: at(1000) }
}
