/** `npm run assay -- screenshot`: the picture of the console that the README shows, from a console that runs. */
import { Command } from 'commander'
import { cookieName, createSessions } from '../../services/console/sessions.ts'
import { findUser } from '../../services/console/users.ts'
import { type Case, listCases, readCase } from '../../services/shared/cases.ts'
import type { Database } from '../../services/shared/database.ts'
import { AssayError } from '../../services/shared/errors.ts'
import { print, withDatabase } from '../local.ts'
import { chromiumArguments, ensureChromium } from '../stack/chromium.ts'

type Options = { user: string; url?: string; out: string }

/** The open case with the most to be said, among the newest 100; of several the one with the highest score. */
async function findCase(database: Database): Promise<Case> {
  const { cases } = await listCases(database, { state: 'open', limit: 100 })
  const all = await Promise.all(cases.map(({ tenant, id }) => readCase(database, { tenant, caseId: id })))
  const reasons = (c: Case) => new Set(c.alerts.flatMap((a) => a.reasons.map(({ code }) => code))).size
  const [best] = all.flatMap((c) => c ?? []).toSorted((a, b) => reasons(b) - reasons(a) || b.maxScore - a.maxScore)
  if (!best) throw new AssayError('no_case', 'There is no open case yet; play for some minutes more')
  return best
}

/** Opens the page, waits until all that belongs to the case is there, and writes a PNG of 1600 by 1000 pixels. */
async function takePicture(url: string, cookie: string, file: string): Promise<void> {
  // Not imported above, since the compiled application runs without it.
  const { chromium } = await import('playwright-core')
  const browser = await chromium.launch({ executablePath: await ensureChromium(), args: chromiumArguments })
  try {
    const context = await browser.newContext({ viewport: { width: 1600, height: 1000 }, colorScheme: 'light', reducedMotion: 'reduce' })
    await context.addCookies([{ name: cookieName, value: cookie, url }])
    const page = await context.newPage()
    await page.goto(url)
    await page.locator('.timeline .in-case').first().waitFor()
    await page.locator('.alert-row').first().waitFor()
    // The line is drawn with the next second's figures.
    await page.waitForTimeout(1500)
    await page.screenshot({ path: file })
  } finally {
    await browser.close()
  }
}

export const screenshotCommand = (): Command =>
  new Command('screenshot')
    .description('take a picture of a running console, with the open case that has the most reasons; needs Chromium')
    .option('--user <name>', 'whom it shows as logged in', 'admin')
    .option('--url <url>', 'where the console is (default: where the environment says)')
    .option('--out <file>', 'where the PNG goes', 'docs/images/console.png')
    .addHelpText('after', '\nExample, beside an npm start of some minutes:\n  npm run assay -- screenshot')
    .action(({ user, url, out }: Options) =>
      withDatabase(async (database, { host, consolePort, tokenKey }) => {
        const known = await findUser(database, user)
        if (!known) throw new AssayError('unknown_user', `There is no user '${user}'; users list shows those that there are`)
        const { tenant, id } = await findCase(database)
        const place = `${url ?? `http://${host}:${consolePort}`}/#/cases/${tenant}/${id}`
        await takePicture(place, createSessions(database, tokenKey).issue(known), out)
        print(`${out} is there`)
      }),
    )
