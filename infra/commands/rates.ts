/** `npm run assay -- rates`: currency rates by date, by which amounts are compared in a bank's base currency. */
import { createReadStream } from 'node:fs'
import { Command } from 'commander'
import { parse } from 'csv-parse'
import { AssayError } from '../../services/shared/errors.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { print, withDatabase } from '../local.ts'

export type Rate = { base: string; currency: string; date: string; rate: string }

/** Writes rates; one for the same day is replaced. Throws `rate_invalid` with the place of the first that is wrong. */
export async function writeRates(database: Database, rates: readonly Rate[]): Promise<void> {
  rates.forEach(({ base, currency, date, rate }, i) => {
    const well = /^[A-Z]{3}$/.test(base) && /^[A-Z]{3}$/.test(currency) && /^\d{4}-\d\d-\d\d$/.test(date) && Number(rate) > 0
    if (!well)
      throw new AssayError('rate_invalid', `rate ${i + 1} is ${base} ${currency} ${date} ${rate}, not like EUR USD 2026-01-31 0.92`)
  })
  for (let from = 0; from < rates.length; from += 1000) {
    await database.execute('REPLACE INTO currency_rates (base, currency, date, rate) VALUES ?', [
      rates.slice(from, from + 1000).map((r) => [r.base, r.currency, Number(r.date.replaceAll('-', '')), r.rate]),
    ] as never)
  }
}

export function ratesCommand(): Command {
  const command = new Command('rates').description('currency rates by date')
  command
    .command('import <file>')
    .description('read a CSV file with the columns base, currency, date (2026-01-31) and rate (base units for one unit of currency)')
    .addHelpText('after', '\nExample:\n  npm run assay -- rates import rates.csv')
    .action(async (file: string) => {
      const rates: Rate[] = []
      for await (const row of createReadStream(file).pipe(parse({ columns: true, trim: true, bom: true }))) rates.push(row as Rate)
      await withDatabase((database) => writeRates(database, rates))
      print(`${rates.length} rates are in force within 5 seconds`)
    })
  return command
}
