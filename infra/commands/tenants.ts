/** `npm run assay -- tenants`: the banks and their settings. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { AssayError } from '../../services/shared/errors.ts'
import { type Control, innerTopics, topics } from '../../services/shared/events.ts'
import type { Bus } from '../../services/shared/kafka/bus.ts'
import type { Database } from '../../services/shared/tidb/database.ts'
import { checkSettings, createTenant, readTenants, type Settings, saveSettings, type Tenant } from '../../services/shared/tidb/settings.ts'
import { print, withBus, withDatabase } from '../local.ts'

/** Tells whoever listens; the services look into the database every 5 seconds. */
async function announce(bus: Bus, control: Omit<Control, 'at'>): Promise<void> {
  const event: Control = { ...control, at: new Date().toISOString() }
  await bus.send([{ topic: innerTopics.control, key: topics.control.key(event), value: JSON.stringify(event) }])
}

/** The bank of this name, or rejects with `tenant_unknown`. */
export async function findTenant(database: Database, tenant: string): Promise<Tenant> {
  const found = (await readTenants(database)).find((t) => t.tenant === tenant)
  if (!found) throw new AssayError('tenant_unknown', `There is no tenant '${tenant}'; add it with: npm run assay -- tenants add ${tenant}`)
  return found
}

const readSettings = (file: string): object => {
  const given: unknown = JSON.parse(readFileSync(file, 'utf8'))
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new AssayError('settings_invalid', `${file} is not a JSON object`)
  return given
}

/** Settings with one value changed; `path` is dotted, such as limits.maxAgeDays, and a value that is not JSON is text. */
export function withSetting(settings: Settings, path: string, text: string): Settings {
  let value: unknown = text
  try {
    value = JSON.parse(text)
  } catch {
    // Text needs no quotation marks on the command line.
  }
  const changed = structuredClone(settings) as Record<string, unknown>
  const names = path.split('.')
  let place = changed
  for (const name of names.slice(0, -1)) {
    const inner = Object.hasOwn(place, name) ? place[name] : undefined
    if (typeof inner !== 'object' || inner === null) throw new AssayError('settings_invalid', `There is no setting '${path}'`)
    place = inner as Record<string, unknown>
  }
  Object.defineProperty(place, names.at(-1) as string, { value, enumerable: true, writable: true, configurable: true })
  return checkSettings(changed)
}

/** `tenants add`, `list`, `show` and `set`. */
export function tenantsCommand(): Command {
  const tenants = new Command('tenants').description('the banks and their settings')

  tenants
    .command('add')
    .description('add a bank: its row, its settings and its topics')
    .argument('<tenant>', 'lower-case letters, digits and hyphens; it begins with a letter')
    .option('--name <name>', 'what people call it')
    .option('--partitions <number>', 'partitions of its topics; fixed for good', '4')
    .option('--settings <file>', 'JSON with the settings that differ from the defaults')
    .addHelpText('after', '\nExample:\n  npm run assay -- tenants add bank-one --name "Bank One"')
    .action((tenant: string, options: { name?: string; partitions: string; settings?: string }) =>
      withBus('assay-tenants', async (database, bus) => {
        const partitions = Number(options.partitions)
        if (!Number.isInteger(partitions) || partitions < 1 || partitions > 1000)
          throw new AssayError('partitions_invalid', `'${options.partitions}' is not a number of partitions from 1 to 1000`)
        const settings = options.settings ? (readSettings(options.settings) as Partial<Settings>) : {}
        const made = await createTenant(database, bus, { tenant, partitions, settings, ...(options.name ? { name: options.name } : {}) })
        await announce(bus, { kind: 'tenants', tenant })
        print(`${made.tenant} is there, with ${made.partitions} partitions and settings of version ${made.version}`)
        print(`A key for it: npm run assay -- keys add ${made.tenant}`)
      }),
    )

  tenants
    .command('list')
    .description('list the banks')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) =>
      withDatabase(async (database) => {
        const all = await readTenants(database)
        if (options.json) return print(JSON.stringify(all))
        for (const t of all)
          print(`${t.tenant.padEnd(32)} ${String(t.partitions).padStart(4)} partitions  settings ${t.version}  ${t.name}`)
        if (all.length === 0) print('none yet; add one with: tenants add TENANT')
      }),
    )

  tenants
    .command('show')
    .description("print a bank's settings as JSON")
    .argument('<tenant>')
    .action((tenant: string) =>
      withDatabase(async (database) => print(JSON.stringify((await findTenant(database, tenant)).settings, undefined, 2))),
    )

  tenants
    .command('set')
    .description('change one setting, which makes a new version of the settings')
    .argument('<tenant>')
    .argument('<setting>', 'such as sampleRate or limits.maxAgeDays')
    .argument('<value>', 'JSON, or text')
    .addHelpText('after', '\nExample:\n  npm run assay -- tenants set bank-one thresholds.review 0.25')
    .action((tenant: string, setting: string, value: string) =>
      withBus('assay-tenants', async (database, bus) => {
        const { settings } = await findTenant(database, tenant)
        const version = await saveSettings(database, tenant, withSetting(settings, setting, value), 'command line')
        await announce(bus, { kind: 'settings', tenant, version })
        print(`${tenant} has settings of version ${version}`)
      }),
    )
  return tenants
}
