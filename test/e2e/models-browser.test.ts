import { chromium, type Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { chromiumArguments, ensureChromium } from '../../infra/stack/chromium.ts'
import { modelFolder } from '../../models/artefact.ts'
import { createConsole } from '../../services/console/service.ts'
import { addUser } from '../../services/console/users.ts'
import { register } from '../../services/shared/tidb/model-changes.ts'
import { readHistory } from '../../services/shared/tidb/models.ts'
import { bank } from '../helpers/bank.ts'
import { shiftedModel } from '../helpers/models.ts'
import { testTelemetry } from '../helpers/servers.ts'

const password = 'a password of theirs'

test('who brought a model cannot promote it; a second person does, sees that it decides, and rolls it back', async () => {
  const executablePath = await ensureChromium()
  const b = await bank()
  await register(b.database, modelFolder('models/default'), { by: 'assay', reason: 'ships' })
  const two = await register(b.database, modelFolder(await shiftedModel(1)), { by: 'ana', reason: 'trained on the spring' })
  const board = createConsole(b.config, testTelemetry())
  onTestFinished(() => board.stop())
  await board.start()
  for (const name of ['ana', 'ben']) await addUser(b.database, { name, role: 'scientist', tenant: null, password })
  const browser = await chromium.launch({ executablePath, args: chromiumArguments })
  onTestFinished(() => browser.close())
  const faults: string[] = []
  const open = async (name: string): Promise<Page> => {
    const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage()
    page.on('pageerror', (error) => faults.push(error.message))
    await page.goto(`${board.url()}/#/models/${two}`)
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('heading', { name: `Model ${two}` }).waitFor()
    return page
  }
  const stateOf = (page: Page, version: number) =>
    page
      .getByRole('navigation', { name: 'Versions' })
      .getByRole('link')
      .filter({ hasText: new RegExp(`^${version}`) })

  const ana = await open('ana')
  expect(await ana.getByRole('button', { name: 'Promote…' }).isDisabled()).toBe(true)
  await ana.getByText(`You brought model ${two}: somebody else must let it decide.`).waitFor()

  const ben = await open('ben')
  await ben.getByRole('button', { name: 'Promote…' }).click()
  const question = ben.getByRole('dialog')
  expect(await question.getByRole('button', { name: 'Promote' }).isDisabled()).toBe(true)
  await question.getByRole('textbox', { name: 'Reason' }).fill('better on March')
  await question.getByRole('button', { name: 'Promote' }).click()
  await stateOf(ben, two).filter({ hasText: 'champion' }).waitFor()
  await stateOf(ben, 1).filter({ hasText: 'retired' }).waitFor()
  // The other one's page finds it out by itself.
  await stateOf(ana, two).filter({ hasText: 'champion' }).waitFor({ timeout: 20_000 })

  await ben.getByRole('button', { name: 'Roll back…' }).click()
  await question.getByRole('textbox', { name: 'Reason' }).fill('too many alerts')
  await question.getByRole('button', { name: 'Roll back' }).click()
  await stateOf(ben, 1).filter({ hasText: 'champion' }).waitFor()
  await ben.getByRole('region', { name: 'History' }).getByText('ben: too many alerts').waitFor()
  expect((await readHistory(b.database, two)).map(({ state, actor }) => `${state} ${actor}`).toSorted()).toEqual([
    'candidate ana',
    'champion ben',
    'retired ben',
  ])
  expect(faults).toEqual([])
}, 120_000)
