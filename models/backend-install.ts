/**
 * Installs tfjs-node where npm could not: its own script downloads libtensorflow from a place that many networks close, so the library is
 * taken from a wheel of the Python package index instead and the binding is built from source against it. Cached by version and by
 * Node's ABI, so that the next clone only links to it.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { AssayError } from '../services/shared/errors.ts'

const version = '4.22.0'
const wheel = 'tensorflow_cpu==2.15.1'
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const cacheDirectory = () =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'assay', `tfjs-node-${version}-abi${process.versions.modules}`)
const target = join(root, 'node_modules/@tensorflow/tfjs-node')

function run(command: string, args: string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000)
    })
    child.on('error', (cause) =>
      reject(
        new AssayError(
          'backend_tool_missing',
          `${command} could not be run (${cause.message}); tfjs-node needs Python 3 with pip, make and a C++ compiler`,
          { cause },
        ),
      ),
    )
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new AssayError('backend_build_failed', `${command} ${args[0]} failed:\n${said}`)),
    )
  })
}

/** Links libtensorflow's names, as the binding looks for them, to the files of the wheel. */
function linkLibraries(lib: string): void {
  for (const name of ['libtensorflow.so', 'libtensorflow.so.2', 'libtensorflow.so.2.9.1'])
    symlinkSync('libtensorflow_cc.so.2', join(lib, name))
  symlinkSync('libtensorflow_framework.so.2', join(lib, 'libtensorflow_framework.so'))
}

async function build(directory: string, report: (line: string) => void): Promise<void> {
  const parent = dirname(directory)
  mkdirSync(parent, { recursive: true })
  const work = mkdtempSync(join(parent, 'tfjs-node-building-'))
  try {
    report(`fetching tfjs-node ${version} from the package registry`)
    await run(
      'npm',
      ['install', '--prefix', work, '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', `@tensorflow/tfjs-node@${version}`],
      work,
    )
    const made = join(work, 'node_modules/@tensorflow/tfjs-node')
    report(`fetching the library from the wheel ${wheel} (about 200 MB, once)`)
    await run(
      'python3',
      ['-m', 'pip', 'download', '-q', '--no-deps', '--only-binary=:all:', '--python-version', '3.11', '-d', work, wheel],
      work,
    )
    const file = readdirSync(work).find((name) => name.endsWith('.whl'))
    if (!file) throw new AssayError('backend_build_failed', `pip brought no wheel of ${wheel}`)
    report('unpacking it')
    const unpack = `import zipfile,sys
z=zipfile.ZipFile(sys.argv[1])
for n in z.namelist():
    if n.startswith('tensorflow/include/') or n in ('tensorflow/libtensorflow_cc.so.2','tensorflow/libtensorflow_framework.so.2'): z.extract(n,sys.argv[2])`
    await run('python3', ['-c', unpack, join(work, file), join(work, 'wheel')], work)
    const deps = join(made, 'deps')
    mkdirSync(join(deps, 'lib'), { recursive: true })
    renameSync(join(work, 'wheel/tensorflow/include'), join(deps, 'include'))
    for (const name of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'])
      renameSync(join(work, 'wheel/tensorflow', name), join(deps, 'lib', name))
    linkLibraries(join(deps, 'lib'))
    report('building the binding')
    // The package's own node-pre-gyp knows where the binding belongs.
    const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx'
    await run(npx, ['--prefix', work, 'node-pre-gyp', 'rebuild', '--build-from-source'], made)
    rmSync(join(work, 'wheel'), { recursive: true, force: true })
    rmSync(join(work, file))
    // Another process may have been quicker, and may have loaded it by now.
    if (existsSync(directory)) rmSync(work, { recursive: true, force: true })
    else renameSync(work, directory)
  } catch (error) {
    rmSync(work, { recursive: true, force: true })
    throw error
  }
}

/** Makes tfjs-node loadable from this clone. Returns how: it was there, it lay in the cache, or it was built. */
export async function installBackend(report: (line: string) => void): Promise<'there' | 'cached' | 'built'> {
  if (existsSync(join(target, 'lib')) && existsSync(join(target, 'deps/lib'))) return 'there'
  const cache = cacheDirectory()
  const cached = existsSync(cache)
  if (!cached) await build(cache, report)
  rmSync(target, { recursive: true, force: true })
  mkdirSync(dirname(target), { recursive: true })
  symlinkSync(join(cache, 'node_modules/@tensorflow/tfjs-node'), target)
  return cached ? 'cached' : 'built'
}

export function backendCommand(): Command {
  const command = new Command('backend').description("TensorFlow.js's native backend")
  command
    .command('install')
    .description('build tfjs-node from package indexes alone; needs Python 3 with pip, make and a C++ compiler')
    .action(async () => {
      const how = await installBackend((line) => process.stderr.write(`${line}\n`))
      process.stdout.write(`tfjs-node ${version} is ready (${how})\n`)
    })
  return command
}
