/** `npm run assay -- counters`: how the shared counters in Redis stand beside TiDB, and counting them anew. */
import { Command } from 'commander'
import { chainOf } from '../../services/detector/counters/names.ts'
import { rebuild, recordedProgress } from '../../services/detector/counters/rebuild.ts'
import { openStore, type Store } from '../../services/detector/counters/store.ts'
import { AssayError } from '../../services/shared/errors.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { print, withDatabase } from '../local.ts'
import { createProgressLine } from '../progress-line.ts'

const withStore = (work: (store: Store, database: Database) => Promise<void>): Promise<void> =>
  withDatabase(async (database, config) => {
    const store = openStore(config.redis, config.group)
    try {
      await store.ready()
      await work(store, database)
    } finally {
      store.stop()
    }
  })

async function showStatus(store: Store, database: Database, json: boolean): Promise<void> {
  const generation = await store.generation()
  const shards = await Promise.all(Array.from({ length: generation.shards }, (_, shard) => store.positions(generation, shard)))
  const behind = (await recordedProgress(database)).flatMap((chain) => {
    const stored = Math.min(...shards.map((positions) => Number(positions[chainOf(chain)] ?? 0)))
    return stored < chain.position ? [{ partition: chainOf(chain), records: chain.position - stored }] : []
  })
  if (json) return print(JSON.stringify({ generation: generation.number, shards: generation.shards, behind }))
  print(`generation ${generation.number} in ${generation.shards} shards`)
  if (behind.length === 0) print('every partition is counted as far as TiDB has it')
  for (const { partition, records } of behind) print(`${partition}: ${records} records are not counted yet`)
}

export function countersCommand(): Command {
  const command = new Command('counters').description('the counters of merchants, devices and addresses in Redis')
  command
    .command('status')
    .description('print which generation is in force, and which partitions lack something that TiDB has')
    .option('--json', 'print JSON')
    .action((options: { json?: boolean }) => withStore((store, database) => showStatus(store, database, options.json === true)))
  command
    .command('rebuild')
    .description('count everything of the last 41 days anew from TiDB, while detectors go on, and put it in force')
    .option('--shards <number>', 'keys of how many hash tags, for a cluster or for shorter scripts; as many as now unless given')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  npm run assay -- counters rebuild\n  npm run assay -- counters rebuild --shards 16 --json')
    .action(async (options: { shards?: string; json?: boolean }) => {
      const shards = options.shards === undefined ? undefined : Number(options.shards)
      if (shards !== undefined && !(Number.isInteger(shards) && shards >= 1 && shards <= 1024))
        throw new AssayError('shards_invalid', `--shards is ${options.shards}, not a number from 1 to 1024`)
      await withStore(async (store, database) => {
        const line = createProgressLine()
        const done = await rebuild(store, database, {
          ...(shards === undefined ? {} : { shards }),
          progress: (rows) => line.show(() => `${rows} rows counted`),
        }).finally(line.end)
        if (!done)
          throw new AssayError(
            'rebuild_running',
            'somebody else is rebuilding the counters; wait, then look at: npm run assay -- counters status',
          )
        if (options.json) print(JSON.stringify(done))
        else print(`generation ${done.generation} in ${done.shards} shards is in force: ${done.rows} rows in ${done.seconds} s`)
      })
    })
  return command
}
