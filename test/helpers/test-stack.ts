import { down, type Stack, up } from '../../infra/stack/stack.ts'

/** Tests have servers of their own, so that they never meet those of a running `npm start`. */
export const TEST_DIRECTORY = '.assay/test'

/** Whether a vitest run with these arguments runs a project that talks to servers. */
export function needsServers(args: string[]): boolean {
  const projects = args.flatMap((arg, i) => (arg === '--project' ? [args[i + 1]] : arg.startsWith('--project=') ? [arg.slice(10)] : []))
  if (projects.length > 0) return projects.some((name) => name !== 'unit' && name !== 'contract')
  const files = args.filter((arg) => arg.startsWith('test/'))
  return files.length === 0 || files.some((file) => !file.startsWith('test/unit') && !file.startsWith('test/contract'))
}

/**
 * Brings the servers of the tests up and puts their addresses into the environment, where vitest's processes find them.
 * Servers that the environment already names are taken as they are. `end` ends what this call started.
 */
export async function bringUpForTests(): Promise<{ stack: Stack; end: () => Promise<void> }> {
  const stack = await up({ directory: TEST_DIRECTORY, report: (event) => process.stderr.write(`stack: ${event.message}\n`) })
  Object.assign(process.env, stack.env)
  return { stack, end: () => down(TEST_DIRECTORY) }
}
