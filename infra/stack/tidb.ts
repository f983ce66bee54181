import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { commandPath, findProgram, makeProgram, runCommand, versionText } from './programs.ts'
import type { Program, Recipe } from './recipe.ts'
import { type Report, StackError } from './server.ts'

/** The release that tidb/go.mod pins. */
export const TIDB_VERSION = '8.5.6'
const FOLDER = `tidb-${TIDB_VERSION}`
const MODULE = join(dirname(fileURLToPath(import.meta.url)), 'tidb')
const PACKAGE = 'github.com/pingcap/tidb/cmd/tidb-server'
// A build by Go 1.26 compiles, but the server refuses to start.
const ENV = { GOTOOLCHAIN: 'go1.25.8', GOFLAGS: '-buildvcs=false', GOWORK: 'off' }
const SECONDS_BETWEEN_LINES = 10

/**
 * TiDB's own store keeps locks in memory only, so that a killed server forgets what it had half committed, even after it was acknowledged. All
 * tables in one region, and commits that go there in one piece, leave no half.
 */
const CONFIG = (data: string) => `split-table = false\ninitialize-sql-file = ${JSON.stringify(join(data, 'initialize.sql'))}\n`
const INITIALIZE = `SET GLOBAL tidb_enable_1pc = ON;
SET GLOBAL tidb_enable_async_commit = OFF;
SET GLOBAL tidb_txn_commit_batch_size = 1073741824;
`

const program = (command: string, from: Program['from']): Program => ({
  product: 'TiDB',
  from,
  async launch({ data, port, second }) {
    const temporary = join(data, 'tmp')
    mkdirSync(temporary, { recursive: true })
    const config = join(data, 'config.toml')
    writeFileSync(config, CONFIG(data))
    writeFileSync(join(data, 'initialize.sql'), INITIALIZE)
    const listen = ['-host', '127.0.0.1', '-P', `${port}`, '-status-host', '127.0.0.1', '-status', `${second}`, '-socket', '']
    const store = ['-config', config, '-store', 'unistore', '-path', join(data, 'store'), '-temp-dir', temporary]
    const args = [...store, ...listen, '-L', 'warn', '-log-slow-query', join(data, 'slow.log')]
    // Large queries spill into the system's temporary folder, whatever -temp-dir says.
    return { command, args, env: { TMPDIR: temporary } }
  },
})

/** A tidb-server that is there already. */
export function findTidb(directory: string): Program | undefined {
  const built = findProgram(directory, FOLDER)
  const path = built ? join(built, 'tidb-server') : commandPath('tidb-server')
  return path ? program(path, 'found') : undefined
}

/**
 * Builds tidb-server from its Go module, unless it is there. Go's own build cache keeps what was compiled, so a build that was
 * interrupted goes on where it stopped.
 */
export async function buildTidb(directory: string, report: Report): Promise<Program> {
  const found = findTidb(directory)
  if (found) return found
  const go = requireGo()
  const say = (message: string) => report({ server: 'sql', message })
  say(`building TiDB ${TIDB_VERSION} from its Go module, once: about 8 minutes on 2 cores`)
  const made = await makeProgram(directory, FOLDER, report, async (target) => {
    say('fetching the Go modules')
    await runCommand(go, ['-C', MODULE, 'mod', 'download'], { env: ENV })
    const flags = ['-ldflags', `-s -w -X github.com/pingcap/tidb/pkg/parser/mysql.TiDBReleaseVersion=v${TIDB_VERSION}`]
    const stale = await runCommand(go, ['-C', MODULE, 'list', '-deps', '-f', '{{if .Stale}}{{.ImportPath}}{{end}}', PACKAGE], { env: ENV })
    const total = stale.split('\n').filter(Boolean).length
    let compiled = 0
    let told = 0
    await runCommand(go, ['-C', MODULE, 'build', '-v', ...flags, '-o', join(target, 'tidb-server'), PACKAGE], {
      env: ENV,
      line: () => {
        compiled += 1
        if (Date.now() - told < SECONDS_BETWEEN_LINES * 1000) return
        told = Date.now()
        say(`compiling TiDB: ${compiled} of ${total} packages`)
      },
    })
    say('TiDB is built')
  })
  return program(join(made, 'tidb-server'), 'installed')
}

function requireGo(): string {
  const go = commandPath('go')
  const advice = 'Install Go 1.21 or later (it fetches the compiler it needs), or give the address of a TiDB as ASSAY_TIDB.'
  if (!go) throw new StackError(`TiDB is not here, and building it needs Go, which is not on the PATH. ${advice}`)
  // Asked outside the module, so that an old Go answers for itself instead of looking for another.
  const version = /go1\.(\d+)/.exec(versionText(go, 'version'))
  if (!(Number(version?.[1]) >= 21)) throw new StackError(`${go} is ${version?.[0] ?? 'of an unknown version'}. ${advice}`)
  return go
}

/** TiDB, built if need be. */
export const tidb: Recipe = buildTidb
