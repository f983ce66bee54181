import { commandPath, ensureCommand } from './programs.ts'
import type { Report } from './server.ts'

/** The path of a Chromium for the browser tests and the screenshot: `ASSAY_CHROMIUM`, one on the PATH, else Debian's, installed when that is allowed. */
export async function ensureChromium(report: Report = () => undefined): Promise<string> {
  const named = process.env.ASSAY_CHROMIUM ?? commandPath('chromium') ?? commandPath('chromium-browser') ?? commandPath('google-chrome')
  return named ?? (await ensureCommand('chromium', ['chromium'], undefined, report)).path
}

/** Without a sandbox, which containers do not let it have, and without calls to the network of its own. */
export const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
