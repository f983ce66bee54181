import { commandPath, ensureCommand } from './programs.ts'
import type { Report } from './server.ts'

/** The path of a Chromium for the browser tests: `ASSAY_CHROMIUM`, one on the PATH, else Debian's, installed when that is allowed. */
export async function ensureChromium(report: Report = () => undefined): Promise<string> {
  const named = process.env.ASSAY_CHROMIUM ?? commandPath('chromium') ?? commandPath('chromium-browser') ?? commandPath('google-chrome')
  return named ?? (await ensureCommand('chromium', ['chromium'], undefined, report)).path
}
