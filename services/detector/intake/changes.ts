/** Those who wait for room, or for a partition to be claimed or lost. */
export class Changes {
  readonly #waiting = new Set<() => void>()

  /** Lets go of all who wait. */
  tell(): void {
    for (const go of this.#waiting) go()
    this.#waiting.clear()
  }

  /** Resolves when something has changed, and after a second at the latest. */
  next(): Promise<void> {
    return new Promise<void>((resolve) => {
      const go = () => {
        clearTimeout(timer)
        this.#waiting.delete(go)
        resolve()
      }
      const timer = setTimeout(go, 1000)
      this.#waiting.add(go)
    })
  }
}
