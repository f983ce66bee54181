import { expect, onTestFinished, test } from 'vitest'
import { tenantTopic, tenantTopics } from '../../services/shared/events.ts'
import type { Bus } from '../../services/shared/kafka/bus.ts'
import { createTenant, defaultSettings, readTenants, saveSettings } from '../../services/shared/tidb/settings.ts'
import { testBus, testConfig, testDatabase, unique } from '../helpers/servers.ts'

/** A name for a bank whose topics are deleted when the test is over. */
function newBank(bus: Bus): string {
  const tenant = unique('bank-')
  onTestFinished(async () => {
    const admin = await bus.admin()
    const there = await admin.listTopics()
    await admin.deleteTopics({ topics: tenantTopics.map((name) => tenantTopic(tenant, name)).filter((topic) => there.includes(topic)) })
  })
  return tenant
}

test('a bank that is made by two at once is one bank with one version of its settings', async () => {
  const config = testConfig()
  const [database, bus] = [await testDatabase(config), await testBus(config)]
  const options = { tenant: newBank(bus), name: 'A Bank', partitions: 2, settings: { zone: 'Europe/Vienna' } }
  const made = await Promise.all([createTenant(database, bus, options), createTenant(database, bus, options)])
  expect(made[0]).toEqual(made[1])
  expect(made[0]).toMatchObject({ name: 'A Bank', partitions: 2, version: 1, settings: { ...defaultSettings, zone: 'Europe/Vienna' } })
  const again = await createTenant(database, bus, { ...options, partitions: 8, settings: { zone: 'UTC' } })
  expect(again).toEqual(made[0])
})

test('a bank that is made by many at once, each with another number of partitions, has one number, and as many as that', async () => {
  const config = testConfig()
  const [database, bus] = [await testDatabase(config), await testBus(config)]
  const tenant = newBank(bus)
  const made = await Promise.all([1, 2, 3, 4].map((partitions) => createTenant(database, bus, { tenant, partitions })))
  expect(new Set(made.map((t) => `${t.partitions} ${t.version}`)).size).toBe(1)
  const { topics } = await (await bus.admin()).fetchTopicMetadata({ topics: [tenantTopic(tenant, 'transactions')] })
  expect(topics[0].partitions).toHaveLength(made[0].partitions)
})

test('a bank whose name does not fit is refused, and nothing of it is left', async () => {
  const config = testConfig()
  const [database, bus] = [await testDatabase(config), await testBus(config)]
  await expect(createTenant(database, bus, { tenant: newBank(bus), name: 'n'.repeat(141) })).rejects.toThrow(/too long/i)
  expect(await database.query('SELECT tenant FROM tenants')).toEqual([])
  expect(await database.query('SELECT tenant FROM tenant_settings')).toEqual([])
})

test('settings that are saved by several at once get a version each, the newest is in force, and none is lost', async () => {
  const config = testConfig()
  const [database, bus] = [await testDatabase(config), await testBus(config)]
  const { tenant } = await createTenant(database, bus, { tenant: newBank(bus), partitions: 1 })
  const saved = await Promise.all(
    [0.1, 0.2, 0.3].map((sampleRate) => saveSettings(database, tenant, { ...defaultSettings, sampleRate }, 'me')),
  )
  expect(new Set(saved)).toEqual(new Set([2, 3, 4]))
  const [inForce] = await readTenants(database)
  expect(inForce?.version).toBe(4)
  expect(inForce?.settings.sampleRate).toBe([0.1, 0.2, 0.3][saved.indexOf(4)])
})

test('settings of a bank that is not there are refused', async () => {
  const database = await testDatabase(testConfig())
  await expect(saveSettings(database, 'nobody', defaultSettings, 'me')).rejects.toMatchObject({ code: 'tenant_unknown', status: 404 })
})

test('a name that no topic could bear is refused before anything is made', async () => {
  const config = testConfig()
  const [database, bus] = [await testDatabase(config), await testBus(config)]
  await expect(createTenant(database, bus, { tenant: 'My Bank' })).rejects.toMatchObject({ code: 'tenant_invalid', status: 400 })
  expect(await readTenants(database)).toEqual([])
})
