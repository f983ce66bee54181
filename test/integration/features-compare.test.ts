/** The command on the published data set, where that lies beside the clone or where ASSAY_HANDBOOK says: nine days of it with their past. */
import { spawn } from 'node:child_process'
import { createReadStream, createWriteStream, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import type { Compared } from '../../infra/features/compare.ts'

const folder = process.env.ASSAY_HANDBOOK ?? '../shared/data/handbook'
const isThere = existsSync(join(folder, 'transactions.csv.gz'))

/** Copies the header and the rows, which are in order of time, whose time lies in the range. */
async function copy(from: string, to: string, first: string, end: string): Promise<void> {
  const lines = createInterface({ input: createReadStream(from).pipe(createGunzip()) })
  async function* kept() {
    let isHeader = true
    for await (const line of lines) {
      const time = line.split(',', 2)[1]
      if (!isHeader && time >= end) return
      if (isHeader || time >= first) yield `${line}\n`
      isHeader = false
    }
  }
  await pipeline(kept(), createWriteStream(to))
}

it.skipIf(!isThere)(
  `agrees with what was published${isThere ? '' : ` (skipped: no data set in ${folder})`}`,
  { timeout: 180_000 },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'compare-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    // Windows reach back 37 days.
    await copy(join(folder, 'transactions.csv.gz'), join(directory, 'transactions.csv'), '2018-06-29', '2018-08-15')
    await copy(join(folder, 'features-2018-07-25_2018-08-14.csv.gz'), join(directory, 'features.csv'), '2018-08-06', '2018-08-15')
    const child = spawn(process.execPath, ['infra/bootstrap.mjs', 'infra/assay.ts', 'features', 'compare', directory, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill())
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0)
    const found = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Compared
    expect(found).toMatchObject({ rowsMissing: 0, terminalRowsDiffering: 0, calendarRowsDiffering: 0 })
    expect(found.rowsCompared).toBeGreaterThan(80_000)
    expect(found.cardRowsDiffering).toBeLessThanOrEqual(20)
    expect(found.features.every(({ rows }) => rows === found.rowsCompared)).toBe(true)
    expect(found.counters.count_30d.p50).toBeLessThan(0.05)
  },
)
