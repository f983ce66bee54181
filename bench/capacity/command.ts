/** `npm run bench -- capacity`: what rates need, from the figures in `measured.json`. It measures nothing. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { assumptions, type Measured, needsOf } from './needs.ts'
import { capacityTables, rates } from './tables.ts'

/** The figures that the tables are made from. */
export const readMeasured = (): Measured => JSON.parse(readFileSync(new URL('measured.json', import.meta.url), 'utf8')) as Measured

/** The tables as docs/capacity.md has them. */
export function tablesOf(measured: Measured): string {
  const needs = rates.map((perSecond) => needsOf(perSecond, measured))
  return capacityTables(measured, assumptions, needs)
}

export const addCapacity = (program: Command): Command =>
  program
    .command('capacity')
    .description(
      'what 10,000, 100,000 and 1,000,000 transactions a second need, from figures that the other benches gave; measures nothing',
    )
    .option('--json', 'print measured figures, assumptions and needs as JSON instead')
    .addHelpText('after', '\nExamples:\n  npm run bench -- capacity\n  npm run bench -- capacity --json')
    .action(({ json }: { json?: boolean }) => {
      const measured = readMeasured()
      const needs = rates.map((perSecond) => needsOf(perSecond, measured))
      process.stdout.write(`${json ? JSON.stringify({ measured, assumptions, needs }) : tablesOf(measured)}\n`)
    })
