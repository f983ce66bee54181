/**
 * Takes the picture of the console that the README shows, from a console that runs and has an alert of a declined
 * transaction. Logs in, opens that alert's case, and waits until its timeline is there.
 */
import { chromium } from 'playwright-core'

export type Shot = { url: string; name: string; password: string; file: string; width?: number; height?: number; executable?: string }

/** Chromium as this machine's packages install it, without its own calls to the network. */
export const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function screenshot(shot: Shot): Promise<void> {
  const browser = await chromium.launch({ executablePath: shot.executable ?? '/usr/bin/chromium', args: chromiumArguments })
  try {
    const page = await browser.newPage({ viewport: { width: shot.width ?? 1440, height: shot.height ?? 900 } })
    await page.goto(shot.url)
    await page.getByLabel('Name').fill(shot.name)
    await page.getByLabel('Password').fill(shot.password)
    await page.keyboard.press('Enter')
    await page.waitForTimeout(6000)
    // A case with reasons says more than a random sample.
    await page.getByText('declined', { exact: true }).first().click()
    await page.waitForTimeout(2500)
    await page.screenshot({ path: shot.file })
  } finally {
    await browser.close()
  }
}
