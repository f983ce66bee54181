import { expect, onTestFinished, test } from 'vitest'
import { takeAlert } from '../../services/casework/take-alert.ts'
import type { CaseDetail } from '../../services/console/api.ts'
import { createConsole } from '../../services/console/service.ts'
import { addUser, ensureFirstUser, setPassword } from '../../services/console/users.ts'
import { type Label, tenantTopic } from '../../services/shared/events.ts'
import { alert } from '../helpers/alerts.ts'
import { type Bank, bank } from '../helpers/bank.ts'
import { caller, login } from '../helpers/desk.ts'
import { outage } from '../helpers/outage.ts'
import { proxy } from '../helpers/proxy.ts'
import { eventually, testTelemetry, testTenant } from '../helpers/servers.ts'
import { collect, valuesOf } from '../helpers/topics.ts'

const password = 'a password of theirs'

type Desk = {
  b: Bank
  url: string
  call: ReturnType<typeof caller>
  login(name: string): Promise<string>
}

/** A console, which reaches TiDB at `port` if that is given. */
async function desk(b: Bank, port = b.config.sql.port): Promise<Desk> {
  const service = createConsole({ ...b.config, sql: { ...b.config.sql, port } }, testTelemetry())
  onTestFinished(() => service.stop())
  await service.start()
  const url = service.url()
  return { b, url, call: caller(url), login: (name) => login(url, name, password) }
}

test('the session is a strict cookie that scripts cannot read, and another password ends it', async () => {
  const { b, call, login } = await desk(await bank())
  await addUser(b.database, { name: 'ada', role: 'analyst', tenant: b.name, password })
  const response = await call('POST', '/api/session', { body: { name: 'ada', password } })
  expect(response.headers.get('set-cookie')).toMatch(/HttpOnly.*SameSite=Strict/)
  const cookie = await login('ada')
  expect((await call('GET', '/api/session', { cookie })).status).toBe(200)
  expect((await call('GET', '/api/session', { cookie: `${cookie.slice(0, -3)}AAA` })).status).toBe(401)
  await setPassword(b.database, 'ada', 'quite another password')
  expect((await call('GET', '/api/session', { cookie })).status).toBe(401)
})

test('without a session nothing is told, and the page of another site cannot send anything', async () => {
  const { b, call, login } = await desk(await bank())
  await addUser(b.database, { name: 'ada', role: 'lead', tenant: b.name, password })
  for (const path of ['/api/cases', '/api/live', `/api/cases/${b.name}/x`, '/api/session'])
    expect((await call('GET', path)).status, path).toBe(401)
  const cookie = await login('ada')
  const foreign = await call('POST', `/api/cases/${b.name}/x/claim`, { cookie, body: {}, headers: { origin: 'https://elsewhere.example' } })
  expect(foreign.status).toBe(403)
  const form = await call('POST', `/api/cases/${b.name}/x/claim`, { cookie, headers: { 'content-type': 'text/plain' } })
  expect(form.status).toBe(415)
})

test('wrong passwords are refused alike for names that exist and that do not, and run into a limit', async () => {
  const { b, call } = await desk(await bank())
  await addUser(b.database, { name: 'ada', role: 'analyst', tenant: null, password })
  const attempt = (name: string) => call('POST', '/api/session', { body: { name, password: 'wrong' } })
  const [known, unknown] = await Promise.all([attempt('ada').then((r) => r.json()), attempt('nobody').then((r) => r.json())])
  expect(known).toEqual(unknown)
  const statuses: number[] = []
  for (let i = 0; i < 9; i++) statuses.push((await attempt('ada')).status)
  expect(statuses.at(-1)).toBe(429)
})

test("an analyst of one bank neither sees nor touches another bank's cases", async () => {
  const { b, call, login } = await desk(await bank())
  const other = await testTenant(b.database, b.bus)
  await addUser(b.database, { name: 'ada', role: 'analyst', tenant: b.name, password })
  const own = await takeAlert(b.database, alert(b.name, 'anna', 'a-1'), null)
  const foreign = await takeAlert(b.database, alert(other.tenant, 'anna', 'a-1'), null)
  const cookie = await login('ada')
  const listed = (await (await call('GET', '/api/cases', { cookie })).json()) as { cases: { id: string }[] }
  expect(listed.cases.map((c) => c.id)).toEqual([own.caseId])
  const path = `/api/cases/${other.tenant}/${foreign.caseId}`
  expect((await call('GET', path, { cookie })).status).toBe(404)
  expect((await call('POST', `${path}/claim`, { cookie, body: {} })).status).toBe(404)
  expect((await call('GET', `/api/cases?tenant=${other.tenant}`, { cookie })).status).toBe(404)
})

test('a case tells its reasons with their values, and in what those are', async () => {
  const { b, call, login } = await desk(await bank({ baseCurrency: 'CHF' }))
  await addUser(b.database, { name: 'ada', role: 'analyst', tenant: b.name, password })
  const reasons = [{ code: 'many_in_an_hour', text: '6 payments within an hour', value: 6, usual: 0.4, share: 0.7 }]
  const { caseId } = await takeAlert(b.database, alert(b.name, 'anna', 'a-1', { reasons }), null)
  const answer = await call('GET', `/api/cases/${b.name}/${caseId}`, { cookie: await login('ada') })
  const found = (await answer.json()) as CaseDetail
  expect(found.alerts[0].reasons).toEqual(reasons)
  expect([found.measures, found.baseCurrency]).toEqual([{ many_in_an_hour: { unit: 'payments', meaning: 'Payments in 1 hour' } }, 'CHF'])
})

test('two who claim at once: one has it, the other is told who, and only a lead takes it from them', async () => {
  const { b, call, login } = await desk(await bank())
  await addUser(b.database, { name: 'ada', role: 'analyst', tenant: b.name, password })
  await addUser(b.database, { name: 'bob', role: 'analyst', tenant: b.name, password })
  await addUser(b.database, { name: 'eve', role: 'lead', tenant: b.name, password })
  const { caseId } = await takeAlert(b.database, alert(b.name, 'anna', 'a-1'), null)
  const path = `/api/cases/${b.name}/${caseId}`
  const [ada, bob, eve] = await Promise.all([login('ada'), login('bob'), login('eve')])
  const claims = await Promise.all([ada, bob].map((cookie) => call('POST', `${path}/claim`, { cookie, body: {} })))
  expect(claims.map((r) => r.status).sort()).toEqual([204, 409])
  const loser = claims[0].status === 409 ? ada : bob
  expect((await call('POST', `${path}/release`, { cookie: loser, body: {} })).status).toBe(403)
  expect((await call('POST', `${path}/release`, { cookie: eve, body: {} })).status).toBe(204)
})

test('a verdict closes the case and sends one label for each of its transactions', async () => {
  const { b, call, login } = await desk(await bank())
  await addUser(b.database, { name: 'ada', role: 'analyst', tenant: b.name, password })
  const labels = await collect(b.bus, tenantTopic(b.name, 'labels'))
  const { caseId } = await takeAlert(b.database, alert(b.name, 'anna', 'a-1'), null)
  await takeAlert(b.database, alert(b.name, 'anna', 'a-2'), null)
  const cookie = await login('ada')
  const path = `/api/cases/${b.name}/${caseId}`
  expect((await call('POST', `${path}/verdict`, { cookie, body: { disposition: 'perhaps' } })).status).toBe(400)
  expect((await call('POST', `${path}/claim`, { cookie, body: {} })).status).toBe(204)
  expect((await call('POST', `${path}/verdict`, { cookie, body: { disposition: 'genuine', note: 'On holiday' } })).status).toBe(204)
  await eventually('both labels', () => labels.length === 2)
  expect(
    valuesOf<Label>(labels)
      .map((l) => [l.transaction, l.value, l.by])
      .sort(),
  ).toEqual([
    ['a-1', 'genuine', 'ada'],
    ['a-2', 'genuine', 'ada'],
  ])
})

test('the page comes with a policy that allows no inline script, and the first user is made once', async () => {
  const { b, call } = await desk(await bank())
  const page = await call('GET', '/')
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self'")
  expect(await page.text()).not.toMatch(/<script(?![^>]*src=)/)
  const first = await ensureFirstUser(b.database)
  expect(first?.name).toBe('admin')
  expect(await ensureFirstUser(b.database)).toBeUndefined()
  expect((await call('POST', '/api/session', { body: first })).status).toBe(200)
})

test('TiDB goes away: every answer says so and nothing is changed, and when it is back the same session goes on', async () => {
  const b = await bank()
  const wire = await proxy(b.config.sql.host, b.config.sql.port)
  const { call, login, url } = await desk({ ...b, config: { ...b.config, sql: { ...b.config.sql, host: '127.0.0.1' } } }, wire.port)
  await addUser(b.database, { name: 'ada', role: 'analyst', tenant: b.name, password })
  const { caseId } = await takeAlert(b.database, alert(b.name, 'anna', 'a-1'), null)
  const path = `/api/cases/${b.name}/${caseId}`
  const cookie = await login('ada')
  const ready = async () => (await fetch(`${url}/readyz`)).status === 200
  await eventually('health', ready)
  wire.cut()
  const over = outage()
  const answers = await Promise.all([
    call('GET', '/api/cases', { cookie }),
    call('GET', path, { cookie }),
    call('POST', `${path}/claim`, { cookie, body: {} }),
    call('POST', '/api/session', { body: { name: 'ada', password } }),
  ])
  for (const answer of answers) {
    expect([answer.status, answer.headers.get('content-type')]).toEqual([503, expect.stringContaining('application/problem+json')])
    expect(await answer.json()).toMatchObject({ code: 'database_away', detail: 'The database does not answer; nothing was changed' })
  }
  const problems = async () => ((await (await fetch(`${url}/readyz`)).json()) as { problems: string[] }).problems.join()
  await eventually('the problem', async () => (await problems()).includes('TiDB'))
  expect((await call('GET', '/')).status).toBe(200)
  await over
  wire.mend()
  await eventually('health', ready)
  expect(((await (await call('GET', path, { cookie })).json()) as { state: string }).state).toBe('open')
  expect((await call('POST', `${path}/claim`, { cookie, body: {} })).status).toBe(204)
})
