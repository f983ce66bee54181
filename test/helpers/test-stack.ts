import { mkdirSync, rmSync } from 'node:fs'
import { tryLock } from '../../infra/stack/directory.ts'
import { down, type Stack, up } from '../../infra/stack/stack.ts'
import { installBackend } from '../../models/backend-install.ts'
import { parseSqlAddress } from '../../services/shared/config.ts'
import { messageOf } from '../../services/shared/errors.ts'
import { createDatabase } from '../../services/shared/tidb/database.ts'

/** Tests have servers of their own, so that they never meet those of a running `npm start`. */
const DIRECTORY = '.assay/test'

// Servers that live for minutes: Java's second compiler and a lean Go heap would cost more than they bring.
process.env.JAVA_TOOL_OPTIONS ??= '-XX:TieredStopAtLevel=1'
process.env.GOGC ??= '400'

/** What TiDB does beside its answers, for its operators and for data that lives longer than a test's. */
const EXTRAS = ['tidb_enable_stmt_summary', 'tidb_use_plan_baselines', 'tidb_enable_auto_analyze', 'tidb_enable_stats_owner']

async function leaveOutExtras({ servers, env }: Stack): Promise<void> {
  if (!servers.some(({ product, from }) => product === 'TiDB' && from !== 'environment')) return
  const server = createDatabase(parseSqlAddress(env.ASSAY_TIDB, 'mysql'))
  for (const name of EXTRAS) await server.execute(`SET GLOBAL ${name} = OFF`)
  await server.stop()
}

/** Whether a vitest run with these arguments runs a project that talks to servers. */
export function needsServers(args: string[]): boolean {
  const projects = args.flatMap((arg, i) => (arg === '--project' ? [args[i + 1]] : arg.startsWith('--project=') ? [arg.slice(10)] : []))
  if (projects.length > 0) return projects.includes('servers')
  const files = args.filter((arg) => arg.startsWith('test/'))
  return files.length === 0 || files.some((file) => !file.startsWith('test/unit') && !file.startsWith('test/contract'))
}

/** Two test runs in one clone take a directory each, so that neither ends the other's servers. */
function claimDirectory(): { directory: string; release: () => void } {
  for (let n = 1; ; n += 1) {
    const directory = n === 1 ? DIRECTORY : `${DIRECTORY}-${n}`
    mkdirSync(directory, { recursive: true })
    const lock = tryLock(`${directory}/run`)
    if (typeof lock === 'function') return { directory, release: lock }
  }
}

/**
 * Brings the servers of the tests up and puts their addresses into the environment, where vitest's processes find them.
 * Servers that the environment already names are taken as they are. `end` ends what this call started and erases its data; the
 * logs stay until the next run.
 */
export async function bringUpForTests(): Promise<{ stack: Stack; end: () => Promise<void> }> {
  const { directory, release } = claimDirectory()
  const end = async () => {
    await down(directory, { erase: true })
    release()
  }
  try {
    // What a run that was killed left behind would cost the next one its speed.
    await down(directory, { erase: true })
    rmSync(`${directory}/logs`, { recursive: true, force: true })
    const say = (message: string) => process.stderr.write(`stack: ${message}\n`)
    // Building it while tests run would starve them.
    const backend = installBackend(say).catch((error: unknown) => say(`tests of tfjs-node are skipped: ${messageOf(error).split('\n')[0]}`))
    const [stack] = await Promise.all([up({ directory, report: ({ message }) => say(message) }), backend])
    await leaveOutExtras(stack)
    Object.assign(process.env, stack.env)
    return { stack, end }
  } catch (error) {
    await end()
    throw error
  }
}
