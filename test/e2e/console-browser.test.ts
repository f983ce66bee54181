import { chromium } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { chromiumArguments, ensureChromium } from '../../infra/stack/chromium.ts'
import { createCasework } from '../../services/casework/service.ts'
import { createConsole } from '../../services/console/service.ts'
import { addUser } from '../../services/console/users.ts'
import { type Label, tenantTopic, topics } from '../../services/shared/events.ts'
import { alert } from '../helpers/alerts.ts'
import { bank } from '../helpers/bank.ts'
import { eventually, testTelemetry } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'

test('an analyst logs in, sees an alert come in, claims its case and judges it, and the verdict becomes a label', async () => {
  const executablePath = await ensureChromium()
  const b = await bank()
  const telemetry = testTelemetry()
  const casework = createCasework(b.config, telemetry)
  const board = createConsole(b.config, telemetry)
  for (const service of [casework, board]) {
    onTestFinished(() => service.stop())
    await service.start()
  }
  await addUser(b.database, { name: 'ada', role: 'analyst', tenant: b.name, password: 'a password of hers' })
  const browser = await chromium.launch({ executablePath, args: chromiumArguments })
  onTestFinished(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  await page.goto(board.url())
  await page.getByLabel('Name').fill('ada')
  await page.getByLabel('Password').fill('a password of hers')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText('Alerts', { exact: false }).first().waitFor()

  const seen = alert(b.name, 'anna-9', 'a-1', { score: 0.93 })
  await b.bus.send([{ topic: tenantTopic(b.name, 'alerts'), key: topics.alerts.key(seen), value: JSON.stringify(seen) }])
  await page.getByText('anna-9').first().click({ timeout: 20_000 })
  await page.getByText('A device not used before').first().waitFor()
  await page.getByRole('button', { name: /Claim/ }).click()
  await page.getByRole('textbox', { name: /note/i }).fill('The customer did not pay this')
  await page.getByRole('button', { name: /^Fraud/ }).click()
  await page.getByRole('button', { name: 'Close as fraud' }).click()

  const labels = await collect(b.bus, tenantTopic(b.name, 'labels'))
  await eventually('the label', () => labels.length === 1)
  expect(valuesOf<Label>(labels)[0]).toMatchObject({
    transaction: 'a-1',
    value: 'fraud',
    source: 'analyst',
    by: 'ada',
    note: 'The customer did not pay this',
  })
  expect(faults).toEqual([])
}, 120_000)
