/** `npm run assay -- screenshot`: the pictures of the console that the README and docs/models.md show, from a console that runs. */
import { Command, Option } from 'commander'
import { cookieName, createSessions } from '../../services/console/sessions.ts'
import { findUser } from '../../services/console/users.ts'
import { AssayError } from '../../services/shared/errors.ts'
import { type Case, listCases, readCase } from '../../services/shared/tidb/cases.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { readVersions } from '../../services/shared/tidb/models.ts'
import { print, withDatabase } from '../local.ts'
import { chromiumArguments, ensureChromium } from '../stack/chromium.ts'

type Page = 'case' | 'models'
type Options = { user: string; url?: string; page: Page; out?: string }

/** The open case with the most to be said, among the newest 100; of several the one with the highest score. */
async function findCase(database: Database): Promise<Case> {
  const { cases } = await listCases(database, { state: 'open', limit: 100 })
  const all = await Promise.all(cases.map(({ tenant, id }) => readCase(database, { tenant, caseId: id })))
  const reasons = (c: Case) => new Set(c.alerts.flatMap((a) => a.reasons.map(({ code }) => code))).size
  const [best] = all.flatMap((c) => c ?? []).toSorted((a, b) => reasons(b) - reasons(a) || b.maxScore - a.maxScore)
  if (!best) throw new AssayError('no_case', 'There is no open case yet; play for some minutes more')
  return best
}

/** The newest version that is not retired, or the newest. */
async function findModel(database: Database): Promise<number> {
  const versions = await readVersions(database)
  const [best] = [...versions.filter((v) => v.state !== 'retired'), ...versions]
  if (!best) throw new AssayError('no_model', 'There is no model yet; start a detector first')
  return best.version
}

/** What is on a page once all that belongs to it is there. */
const signs: Record<Page, readonly string[]> = {
  case: ['.timeline .in-case', '.alert-row'],
  models: ['.version[aria-current]', '.figures-card', '.changes li'],
}

/** Opens the page, waits until all that belongs to it is there, and writes a PNG of 1600 by 1000 pixels. */
async function takePicture(url: string, cookie: string, shown: Page, file: string): Promise<void> {
  // Not imported above, since the compiled application runs without it.
  const { chromium } = await import('playwright-core')
  const browser = await chromium.launch({ executablePath: await ensureChromium(), args: chromiumArguments })
  try {
    const context = await browser.newContext({ viewport: { width: 1600, height: 1000 }, colorScheme: 'light', reducedMotion: 'reduce' })
    await context.addCookies([{ name: cookieName, value: cookie, url }])
    const page = await context.newPage()
    await page.goto(url)
    for (const sign of signs[shown]) await page.locator(sign).first().waitFor()
    await page.getByText('Reading…').waitFor({ state: 'hidden' })
    // The line is drawn with the next second's figures.
    await page.waitForTimeout(1500)
    await page.screenshot({ path: file })
  } finally {
    await browser.close()
  }
}

export const screenshotCommand = (): Command =>
  new Command('screenshot')
    .description('take a picture of a running console; needs Chromium')
    .option('--user <name>', 'whom it shows as logged in', 'admin')
    .option('--url <url>', 'where the console is (default: where the environment says)')
    .addOption(
      new Option('--page <page>', 'the open case that has the most reasons, or the newest model in use')
        .choices(['case', 'models'])
        .default('case'),
    )
    .option('--out <file>', 'where the PNG goes (default: in docs/images)')
    .addHelpText(
      'after',
      '\nExamples, beside an npm start of some minutes:\n  npm run assay -- screenshot\n  npm run assay -- screenshot --page models',
    )
    .action(({ user, url, page, out }: Options) =>
      withDatabase(async (database, { host, consolePort, tokenKey }) => {
        const known = await findUser(database, user)
        if (!known) throw new AssayError('unknown_user', `There is no user '${user}'; users list shows those that there are`)
        const file = out ?? `docs/images/${page === 'case' ? 'console' : page}.png`
        const found = page === 'case' ? await findCase(database) : undefined
        const place = found ? `cases/${found.tenant}/${found.id}` : `models/${await findModel(database)}`
        const console = `${url ?? `http://${host}:${consolePort}`}/#/${place}`
        await takePicture(console, createSessions(database, tokenKey).issue(known), page, file)
        print(`${file} is there`)
      }),
    )
