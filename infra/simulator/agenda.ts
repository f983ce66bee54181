/** A binary heap of things by their time: the simulation's agenda. */
export type Agenda<T> = {
  size(): number
  /** Time of the earliest, or infinity. */
  peek(): number
  push(at: number, item: T): void
  pop(): T
}

export function createAgenda<T>(): Agenda<T> {
  const times: number[] = []
  const items: T[] = []
  const swap = (i: number, j: number) => {
    const t = times[i]
    times[i] = times[j]
    times[j] = t
    const item = items[i]
    items[i] = items[j]
    items[j] = item
  }
  return {
    size: () => times.length,
    peek: () => (times.length === 0 ? Number.POSITIVE_INFINITY : times[0]),
    push(at, item) {
      let i = times.push(at) - 1
      items.push(item)
      while (i > 0) {
        const parent = (i - 1) >> 1
        if (times[parent] <= times[i]) return
        swap(i, parent)
        i = parent
      }
    },
    pop() {
      const first = items[0]
      swap(0, times.length - 1)
      times.pop()
      items.pop()
      for (let i = 0; ; ) {
        const left = 2 * i + 1
        if (left >= times.length) return first
        const right = left + 1
        const child = right < times.length && times[right] < times[left] ? right : left
        if (times[i] <= times[child]) return first
        swap(i, child)
        i = child
      }
    },
  }
}
