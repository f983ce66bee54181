import { configDefaults, defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
// @ts-expect-error: JavaScript, since it runs before anything can read types.
import { packedPackages } from './infra/packed-packages.mjs'

/** Short files that take long: begun last, each would run alone at the end of a first run, which knows only how large files are. */
const long = ['trainer', 'detector-kill-points', 'fraud-story', 'chaos', 'model-command', 'canary', 'bus-outage'].map(
  (name) => `/${name}.test.ts`,
)

/** Short ones last: they fill the end of a run, when little is left that waits for servers. */
const order = ['servers', 'alone']

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => long.some((end) => moduleId.endsWith(end))
    const sorted = await super.sort(files)
    // A process goes on with files of its own project only, so those stay together.
    return order.flatMap((name) => {
      const own = sorted.filter(({ project }) => project.name === name)
      return [...own.filter(isLong), ...own.filter((file) => !isLong(file))]
    })
  }
}

/** Files at a time: those that talk to servers often wait, but the servers want the same cores. */
const workers = Number(process.env.ASSAY_TEST_WORKERS ?? 4)

const packed: Record<string, string> = await packedPackages()
const resolve = {
  alias: Object.entries(packed).map(([name, file]) => ({ find: new RegExp(`^${name}$`), replacement: file })),
}

const project = (name: string, folders: string[]) => ({
  name,
  include: folders.map((folder) => `test/${folder}/**/*.test.ts`),
  exclude: configDefaults.exclude,
  environment: 'node' as const,
  setupFiles: ['test/helpers/equal-bytes.ts'],
  pool: 'forks' as const,
  // Collectors of garbage that wait for each other cost more than they bring where processes share few cores.
  execArgv: ['--single-threaded-gc'],
  // A process goes on to the next file with the modules that it has loaded.
  isolate: false,
  maxWorkers: workers,
})

const servers = { globalSetup: ['test/helpers/global-setup.ts'] }

export default defineConfig({
  test: {
    // What a file became is kept for the next run, by its text.
    experimental: { fsModuleCache: true },
    sequence: { sequencer: LongFirst },
    coverage: { provider: 'v8', include: ['services/**/*.ts', 'models/**/*.ts', 'infra/**/*.ts'], exclude: ['services/console/web/**'] },
    projects: [
      { resolve, test: { ...project('alone', ['unit', 'contract']), testTimeout: 20_000 } },
      { resolve, test: { ...project('servers', ['integration', 'e2e']), ...servers, testTimeout: 60_000, hookTimeout: 60_000 } },
    ],
  },
})
