/** Flink as `npm run bench -- peers` runs it. The job is built by that command alone: without its jar there is nothing to test. */
import { existsSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { createBank, load, streamOf } from '../../bench/bank.ts'
import { jarOf, missingForFlink } from '../../bench/peers/build.ts'
import { startFlink, type Variant, variants } from '../../bench/peers/flink.ts'
import { readDecisions } from '../../bench/peers/read-decisions.ts'

const jar = jarOf('.assay/peers')
const reason = missingForFlink() ?? (existsSync(jar) ? undefined : 'the job was not built: npm run bench -- peers --quick')
const onTidb = process.env.ASSAY_SQL === 'tidb'

for (const variant of Object.keys(variants) as Variant[]) {
  const skipped = reason ?? (variants[variant].table && !onTidb ? 'it needs TiDB' : undefined)
  test.skipIf(skipped)(
    `${variant} decides each transaction of a stream and leaves nothing behind${skipped ? ` (${skipped})` : ''}`,
    async () => {
      const bank = await createBank(process.env)
      onTestFinished(() => bank.close())
      const { transactions, distinct } = streamOf(bank.tenant, 500, 3)
      await load(bank.bus, transactions)
      const flink = await startFlink(jar, variant, bank)
      try {
        const { ids, times } = await readDecisions(bank.bus, flink.decisions, `${flink.decisions}.reader`, transactions.length, 50)
        expect({ ids, records: times.length }).toEqual({ ids: distinct, records: transactions.length })
        await flink.allRows(distinct)
      } finally {
        await flink.end()
      }
      expect(flink.child.exitCode ?? flink.child.signalCode).not.toBeNull()
      expect(await (await bank.bus.admin()).listTopics()).not.toContain(flink.decisions)
      expect(await bank.database.query("SHOW TABLES LIKE 'flink%'")).toEqual([])
    },
  )
}
