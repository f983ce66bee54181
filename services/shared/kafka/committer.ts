/**
 * Commits offsets in the background, one request at a time, the newest of each partition. A broker answers the requests of one connection
 * in turn, and kafkajs commits over the one on which a fetch waits for records: who waited for a commit would wait for the fetch.
 */
export type Offset = { topic: string; partition: number; offset: number }

export type Committer = {
  /** Notes that all before `offset` is done; returns at once. */
  add(offsets: readonly Offset[]): void
  /** Waits until Kafka has what was added, `patience` milliseconds at most. */
  flush(patience: number): Promise<void>
}

/** Makes the committer. Offsets that could not be committed are given to `failed` and not tried again: later ones cover them. */
export function createCommitter(commit: (offsets: readonly Offset[]) => Promise<void>, failed: (error: unknown) => void): Committer {
  let due = new Map<string, Offset>()
  let committing: Promise<void> | undefined

  const run = async () => {
    while (due.size > 0) {
      const offsets = [...due.values()]
      due = new Map()
      await commit(offsets).catch(failed)
    }
    committing = undefined
  }
  return {
    add(offsets) {
      for (const o of offsets) due.set(`${o.topic}:${o.partition}`, o)
      if (due.size > 0) committing ??= run()
    },
    async flush(patience) {
      let timer: NodeJS.Timeout | undefined
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, patience)
      })
      await Promise.race([committing, enough])
      clearTimeout(timer)
    },
  }
}
