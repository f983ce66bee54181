/** How a topic's partitions and what lay in them were shared out among detectors. */

/** A partition of the transactions: who has it, and how many of its records are decided. */
export type Held = { owner: string; decided: number }

/** Whether so many detectors have the partitions among them, none more than one more than another. */
export function isShared(held: readonly Held[], partitions: number, detectors: number): boolean {
  if (held.length < partitions) return false
  const each = new Map<string, number>()
  for (const { owner } of held) each.set(owner, (each.get(owner) ?? 0) + 1)
  const counts = [...each.values()]
  return counts.length === detectors && Math.max(...counts) - Math.min(...counts) <= 1
}

/** Part of all records that each detector has decided, the greatest first. */
export function sharesOf(held: readonly Held[]): number[] {
  const each = new Map<string, number>()
  for (const { owner, decided } of held) each.set(owner, (each.get(owner) ?? 0) + decided)
  const all = [...each.values()].reduce((a, b) => a + b, 0)
  return [...each.values()].map((decided) => decided / all).sort((a, b) => b - a)
}

/** The greatest share against what each would have if all had the same: 1 is fair. */
export const unfairness = (shares: readonly number[]): number => Math.max(...shares) * shares.length
