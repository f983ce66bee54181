import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Cells, createCsv } from '../../models/columns/csv.ts'
import { readColumns } from '../../models/columns/read.ts'

import { compareIn, csvOf, folder, handbookMap, publishedOf, rowsOf } from '../helpers/handbook.ts'

describe('a bad file', () => {
  const [first, second, third] = csvOf(rowsOf(3)).trimEnd().split('\n').slice(1)
  const header = csvOf([]).trimEnd()
  const read = (lines: string[]) => {
    const at = folder({ 't.csv': lines.join('\n') })
    return readColumns(at('t.csv'), handbookMap)
  }
  const cell = (row: string, place: number, value: string) => row.split(',').with(place, value).join(',')

  it.each([
    ['that is missing', () => readColumns('/nowhere/t.csv', handbookMap), /nowhere\/t\.csv: .*no such file/],
    ['that is empty', () => read([]), /is empty/],
    ['without a column', () => read([header.replace('TX_AMOUNT', 'AMOUNT'), first]), /no column TX_AMOUNT; its columns are TRANSACTION_ID/],
    ['that is not in order', () => read([header, first, third, second]), /t\.csv: line 4: time: .* sort the file by time/],
    ['with a bad amount', () => read([header, first, cell(second, 4, 'much')]), /line 3: amount: 'much' must be/],
    ['with a negative amount', () => read([header, cell(first, 4, '-3')]), /line 2: amount: '-3' is negative/],
    ['with a bad time', () => read([header, cell(first, 1, '2018-02-30 00:00:00')]), /line 2: time: '2018-02-30 00:00:00' is not a time/],
    ['with a bad card', () => read([header, cell(first, 2, 'a b')]), /line 2: (customer|instrument) cannot be '.*a b'/],
    ['with a row cut off', () => read([header, first, second.slice(0, 9)]), /line 3: it has \d cells, but the file has 9 columns/],
    ['with an open quotation mark', () => read([header, first, `"${second}`, third]), /line 3: a quotation mark is not closed/],
  ])('%s is named with its fault', async (_name, attempt, message) => {
    await expect(attempt()).rejects.toThrow(message)
  })

  it('that was cut off in the middle of its gzip is not taken for whole', async () => {
    const whole = gzipSync(csvOf(rowsOf(500)))
    const at = folder({ 't.csv.gz': whole.subarray(0, whole.length - 900) })
    await expect(readColumns(at('t.csv.gz'), handbookMap)).rejects.toThrow('t.csv.gz: unexpected end of file')
  })

  it('of published features is named with the line', async () => {
    const rows = rowsOf(20)
    const features = publishedOf(rows, 0).replace(/\n3,\d/, '\n3,none')
    const at = folder({ 'transactions.csv.gz': gzipSync(csvOf(rows)), 'features.csv': features })
    await expect(compareIn(at)).rejects.toThrow("features.csv: line 5: TX_DURING_WEEKEND: 'none' is not a number")
  })
})

it('CSV is cut into the same cells wherever its pieces end', () => {
  const cellText = fc.stringMatching(/^[a-c",;\n ]{0,6}$/)
  const quoted = (cell: string) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)
  fc.assert(
    fc.property(
      fc.array(fc.array(cellText, { minLength: 2, maxLength: 4 }), { maxLength: 6 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 80 })),
      (rows, cuts) => {
        const bytes = Buffer.from(rows.map((row) => row.map(quoted).join(',')).join('\n'))
        const cells = new Cells('utf8')
        const found: string[][] = []
        const csv = createCsv(',', cells, () => void found.push(Array.from({ length: cells.count }, (_, i) => cells.textAt(i))))
        const ends = [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
        ends.forEach((end, i) => {
          csv.write(Buffer.from(bytes.subarray(ends[i - 1] ?? 0, end)))
        })
        csv.end()
        expect(found).toEqual(rows)
      },
    ),
  )
})
