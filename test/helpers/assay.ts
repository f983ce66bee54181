/** What an operator types after `npm run assay --`, with the environment of a test's services. */
import type { Command } from 'commander'
import { onTestFinished, vi } from 'vitest'
import type { Config } from '../../services/shared/config.ts'

/** Runs a command to its end and gives what it printed; what commander refuses is thrown. Not for two at the same time. */
export async function assay({ kafka, sql, group, tokenKey }: Config, command: Command, ...args: string[]): Promise<string> {
  for (const [variable, value] of Object.entries({
    ASSAY_KAFKA: kafka.join(),
    ASSAY_DATABASE: sql.database,
    ASSAY_GROUP: group,
    ASSAY_SECRET: tokenKey,
  }))
    vi.stubEnv(variable, value)
  onTestFinished(() => void vi.unstubAllEnvs())
  for (const inner of command.commands) inner.exitOverride().configureOutput({ writeErr: () => undefined })
  let printed = ''
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += text
    return true
  })
  try {
    await command.parseAsync(args, { from: 'user' })
  } finally {
    stdout.mockRestore()
  }
  return printed
}
