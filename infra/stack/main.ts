import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command, Option } from 'commander'
import { sizeOf } from './process.ts'
import { type Report, reasonOf, type Sql } from './server.ts'
import { down, status, up } from './stack.ts'
import { tableOf } from './table.ts'
import { buildTidb } from './tidb.ts'

type Options = { directory: string; sql?: Sql; json?: boolean; eraseData?: boolean; follow?: boolean; lines?: string }

const print = (text: string) => process.stdout.write(`${text}\n`)
// Progress goes to standard error, so that --json leaves nothing else on standard output.
const report: Report = ({ server, message }) => process.stderr.write(`${server ? `${server}: ` : ''}${message}\n`)
const directory = () => new Option('--directory <path>', 'where the stack keeps its record, data, programs and logs').default('.assay')
const json = () => new Option('--json', 'print JSON')

const program = new Command('npm run stack --')
  .description('Brings up the servers that Assay needs on this machine: Kafka, TiDB and Redis.')
  .addHelpText(
    'after',
    `
Each server is taken in the first way that works: the address in ASSAY_KAFKA, ASSAY_TIDB or ASSAY_REDIS; Docker;
a program that is there; a program that can be installed.

Examples:
  npm run stack -- up                          Kafka, a database and Redis on free ports, kept in .assay/
  npm run stack -- up --sql tidb               insist on TiDB, and build it when it is not here
  npm run stack -- up --directory /tmp/other   another stack beside it
  npm run stack -- status --json
  npm run stack -- logs kafka
  npm run stack -- down                        end exactly what was started
  npm run stack -- build tidb                  only build TiDB, for later`,
  )

program
  .command('up')
  .description('bring the servers up, wait until they answer, and show what runs and where from')
  .addOption(directory())
  .addOption(
    new Option('--sql <database>', 'insist on a database (default: ASSAY_SQL, else TiDB if it is there)').choices(['tidb', 'mariadb']),
  )
  .addOption(json())
  .action(async (options: Options) => {
    const stack = await up({ directory: options.directory, ...(options.sql ? { sql: options.sql } : {}), report })
    if (options.json) {
      print(JSON.stringify(stack))
      return
    }
    print(tableOf(stack.servers))
    print(
      `\n${Object.entries(stack.env)
        .map(([name, value]) => `${name}=${value}`)
        .join('\n')}`,
    )
  })

program
  .command('down')
  .description('end what up started, and nothing else; the data stays')
  .addOption(directory())
  .option('--erase-data', 'remove the data too')
  .action(async (options: Options) => {
    const ended = await down(options.directory, { erase: options.eraseData ?? false })
    print(ended.length > 0 ? `ended ${ended.map(({ product }) => product).join(', ')}` : 'nothing of this stack was running')
  })

program
  .command('status')
  .description('show what runs; exit status 1 when a server is missing')
  .addOption(directory())
  .addOption(json())
  .action(async (options: Options) => {
    const stack = await status(options.directory)
    print(options.json ? JSON.stringify(stack) : stack.servers.length > 0 ? tableOf(stack.servers) : 'nothing is up: npm run stack -- up')
    process.exitCode = stack.servers.filter(({ state }) => state === 'running').length === 3 ? 0 : 1
  })

program
  .command('logs')
  .description('print the end of the logs')
  .argument('[server]', 'kafka, sql or redis; all of them when it is left out')
  .addOption(directory())
  .option('-n, --lines <number>', 'how many lines of each', '20')
  .option('-f, --follow', 'go on printing what is added')
  .action(async (name: string | undefined, options: Options) => {
    const logs = logsOf(options.directory, name)
    if (logs.length === 0)
      throw new Error(`${options.directory} has no log${name ? ` of ${name}` : ''}; of containers: docker compose logs`)
    for (const log of logs) printEnd(log, Number(options.lines))
    const read = new Map(logs.map((log) => [log, sizeOf(log)]))
    while (options.follow) {
      await sleep(500)
      for (const [log, offset] of read) {
        const added = readFileSync(log).subarray(offset)
        process.stdout.write(added)
        read.set(log, offset + added.length)
      }
    }
  })

program
  .command('build')
  .description('build a program before it is needed')
  .addArgument(program.createArgument('<program>', 'what to build').choices(['tidb']))
  .addOption(directory())
  .action(async (_program: string, options: Options) => {
    const { from } = await buildTidb(options.directory, report)
    print(from === 'found' ? 'TiDB is already here' : 'TiDB is built; npm run stack -- up takes it')
  })

/** The logs of a directory, also of servers that have ended; `sql` is whichever database wrote one. */
function logsOf(directory: string, name: string | undefined): string[] {
  const folder = join(directory, 'logs')
  const wanted = name === 'sql' ? ['tidb.log', 'mariadb.log'] : [`${name}.log`]
  const present = existsSync(folder) ? readdirSync(folder) : []
  return present.filter((log) => name === undefined || wanted.includes(log)).map((log) => join(folder, log))
}

function printEnd(log: string, lines: number): void {
  print(`==> ${log}`)
  print(readFileSync(log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n'))
}

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${reasonOf(error)}\n`)
  process.exitCode = 1
})
