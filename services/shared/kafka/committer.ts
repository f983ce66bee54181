/**
 * Commits offsets in the background, one request at a time, the newest of each partition, with a rest in between: small batches come a hundred
 * times a second, and a commit costs the broker and us as much as a batch of them. A broker answers the requests of one connection in turn, and
 * kafkajs commits over the one on which a fetch waits for records: who waited for a commit would wait for the fetch.
 */
import { setTimeout as sleep } from 'node:timers/promises'

export type Offset = { topic: string; partition: number; offset: number }

export type Committer = {
  /** Notes that all before `offset` is done; returns at once. */
  add(offsets: readonly Offset[]): void
  /** Waits until Kafka has what was added, `patience` milliseconds at most. */
  flush(patience: number): Promise<void>
}

/** Milliseconds after a commit until the next one. What is not committed when a process dies is only published again. */
const rest = 100

/** Makes the committer. Offsets that could not be committed are given to `failed` and not tried again: later ones cover them. */
export function createCommitter(commit: (offsets: readonly Offset[]) => Promise<void>, failed: (error: unknown) => void): Committer {
  let due = new Map<string, Offset>()
  let committing: Promise<void> | undefined
  let hurry = new AbortController()

  const run = async () => {
    while (due.size > 0) {
      const offsets = [...due.values()]
      due = new Map()
      await commit(offsets).catch(failed)
      await sleep(rest, undefined, { signal: hurry.signal }).catch(() => undefined)
    }
    committing = undefined
  }
  return {
    add(offsets) {
      for (const o of offsets) due.set(`${o.topic}:${o.partition}`, o)
      if (due.size > 0) committing ??= run()
    },
    async flush(patience) {
      hurry.abort()
      let timer: NodeJS.Timeout | undefined
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, patience)
      })
      await Promise.race([committing, enough])
      clearTimeout(timer)
      hurry = new AbortController()
    },
  }
}
