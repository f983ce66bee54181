/** One line on standard error that is written over while something long goes on; nothing where there is no terminal. */
export type ProgressLine = { show(text: () => string): void; end(): void }

const interval = 200

/** Makes the line; what is shown changes at most five times a second. */
export function createProgressLine(): ProgressLine {
  if (!process.stderr.isTTY) return { show: () => undefined, end: () => undefined }
  let shown = 0
  return {
    show(text) {
      if (Date.now() - shown < interval) return
      shown = Date.now()
      process.stderr.write(`\r\u001B[K${text()}`)
    },
    end: () => void process.stderr.write('\r\u001B[K'),
  }
}
