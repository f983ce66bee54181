/** A tenant's settings: versioned, never deleted while a row names them, read at start and every few seconds. */
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { AssayError } from '../errors.ts'
import { Action, Tenant as TenantName } from '../events.ts'
import type { Bus } from '../kafka/bus.ts'
import type { Connection, Database } from './database.ts'

const Share = Type.Number({ minimum: 0, maximum: 1 })

export const Settings = Type.Object(
  {
    thresholds: Type.Object(
      { challenge: Share, review: Share, decline: Share },
      { additionalProperties: false, description: 'Least score for each action' },
    ),
    alertOn: Type.Array(Action, { description: 'Actions that raise an alert' }),
    sampleRate: Type.Number({ minimum: 0, maximum: 1, description: 'Share of approved transactions that is sent for review at random' }),
    zone: Type.String({ description: 'IANA time zone of the bank' }),
    baseCurrency: Type.String({ pattern: '^[A-Z]{3}$' }),
    costs: Type.Object(
      {
        missedFraudShare: Type.Number({ minimum: 0, description: 'Part of the amount that is lost' }),
        review: Type.Integer({ minimum: 0, description: 'Minor units a review costs' }),
      },
      { additionalProperties: false },
    ),
    limits: Type.Object(
      {
        maxAgeDays: Type.Number({ minimum: 0, maximum: 30, description: 'Older ones, against the time Kafka got them, are dead-lettered' }),
        maxAheadMinutes: Type.Number({ minimum: 0, maximum: 1440 }),
        maxAmount: Type.Integer({ minimum: 1, description: 'Minor units of the transaction’s own currency' }),
        eventsPerSecond: Type.Optional(
          Type.Integer({ minimum: 10, description: 'That one gateway takes in by HTTP; the default where it is missing' }),
        ),
      },
      { additionalProperties: false },
    ),
    escalation: Type.Array(
      Type.Object(
        { role: Type.Enum(['analyst', 'lead', 'manager']), afterSeconds: Type.Number({ minimum: 0.1 }) },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 8, description: 'Who is told when nobody has claimed a case for so long after the step before' },
    ),
    notify: Type.Object(
      { webhookUrl: Type.Optional(Type.String({ pattern: '^https?://' })), webhookSecret: Type.Optional(Type.String({ minLength: 16 })) },
      { additionalProperties: false },
    ),
    labels: Type.Optional(
      Type.Object(
        {
          maturityDays: Type.Number({
            exclusiveMinimum: 0,
            maximum: 730,
            description: 'A transaction this old of which nobody has said anything counts as genuine',
          }),
        },
        { additionalProperties: false, description: 'The defaults where they are missing, as in settings from before there were any' },
      ),
    ),
    drift: Type.Optional(
      Type.Object(
        { retrain: Type.Boolean({ description: 'Whether a training is asked for when features have drifted' }) },
        { additionalProperties: false },
      ),
    ),
    cardLikeAccounts: Type.Boolean({ description: "The bank's account numbers pass the check digit of card numbers" }),
  },
  { additionalProperties: false },
)
type Stored = Type.Static<typeof Settings>
export type Settings = Stored & Required<Pick<Stored, 'labels' | 'drift'>>

/** The strictest action whose threshold the score reaches. */
export function actionOf(score: number, thresholds: Settings['thresholds']): Action {
  if (score >= thresholds.decline) return 'decline'
  if (score >= thresholds.review) return 'review'
  return score >= thresholds.challenge ? 'challenge' : 'approve'
}

/** Whether an action for this score raises an alert. */
export const raises = (score: number, { thresholds, alertOn }: Pick<Settings, 'thresholds' | 'alertOn'>): boolean =>
  alertOn.includes(actionOf(score, thresholds))

export const defaultSettings: Settings = {
  thresholds: { challenge: 0.1, review: 0.3, decline: 0.8 },
  alertOn: ['review', 'decline'],
  sampleRate: 0.0005,
  zone: 'UTC',
  baseCurrency: 'EUR',
  costs: { missedFraudShare: 1, review: 500 },
  limits: { maxAgeDays: 30, maxAheadMinutes: 10, maxAmount: 100_000_000_000, eventsPerSecond: 5000 },
  escalation: [
    { role: 'analyst', afterSeconds: 900 },
    { role: 'lead', afterSeconds: 1800 },
    { role: 'manager', afterSeconds: 3600 },
  ],
  notify: {},
  labels: { maturityDays: 45 },
  drift: { retrain: false },
  cardLikeAccounts: false,
}

/** A bank, with the settings that are in force. `version` is the version of the settings. */
export type Tenant = { tenant: string; name: string; partitions: number; version: number; settings: Settings }

const settingsSchema = Compile(Settings)
const tenantSchema = Compile(TenantName)

const isZone = (zone: string): boolean => {
  try {
    Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

const isWhole = (settings: Stored): settings is Settings => settings.labels !== undefined && settings.drift !== undefined

/** Returns the settings, with the defaults for what older ones lack, or throws `settings_invalid` with every fault. */
export function checkSettings(settings: unknown): Settings {
  if (settingsSchema.Check(settings)) {
    const { challenge, review, decline } = settings.thresholds
    const faults: string[] = []
    if (challenge > review || review > decline)
      faults.push(`thresholds must rise: challenge ${challenge}, review ${review}, decline ${decline}`)
    if (!isZone(settings.zone)) faults.push(`/zone '${settings.zone}' is not an IANA time zone`)
    if (faults.length === 0)
      return isWhole(settings) ? settings : { labels: defaultSettings.labels, drift: defaultSettings.drift, ...settings }
    throw new AssayError('settings_invalid', `The settings have faults: ${faults.join('; ')}`, { status: 400, details: { faults } })
  }
  const faults = [...settingsSchema.Errors(settings)].map((e) => `${e.instancePath || '/'} ${e.message}`)
  throw new AssayError('settings_invalid', `The settings have faults: ${faults.join('; ')}`, { status: 400, details: { faults } })
}

type TenantRow = { tenant: string; name: string; partitions: number; version: number; settings: string }

/** All tenants that are not disabled, each with its newest settings. */
export async function readTenants(database: Database): Promise<Tenant[]> {
  const rows = await database.query<TenantRow>(
    `SELECT t.tenant, t.name, t.partitions, s.version, s.settings FROM tenants t JOIN tenant_settings s ON s.tenant = t.tenant
     WHERE t.disabled IS NULL AND s.version = (SELECT MAX(version) FROM tenant_settings m WHERE m.tenant = t.tenant) ORDER BY t.tenant`,
  )
  return rows.map((r) => ({ ...r, settings: checkSettings(JSON.parse(r.settings)) }))
}

/** One version of a tenant's settings. Throws `policy_unknown` where it is gone, though rows name it. */
export async function readSettings(database: Database, tenant: string, version: number): Promise<Settings> {
  const [row] = await database.query<{ settings: string }>('SELECT settings FROM tenant_settings WHERE tenant = ? AND version = ?', [
    tenant,
    version,
  ])
  if (!row) throw new AssayError('policy_unknown', `There is no version ${version} of the settings of ${tenant}, though decisions name it`)
  return checkSettings(JSON.parse(row.settings))
}

/** Writes a new version of a tenant's settings and returns its number. Two who save at once get two numbers. */
export async function saveSettings(database: Database, tenant: string, settings: Settings, by: string): Promise<number> {
  checkSettings(settings)
  return database.transaction((tx) => addVersion(tx, tenant, settings, by))
}

/** The tenant's row is locked first, so that versions are given out one after the other; the newest is read under that lock. */
async function addVersion(tx: Connection, tenant: string, settings: Settings, by: string, onlyFirst = false): Promise<number> {
  const [row] = await tx.query('SELECT tenant FROM tenants WHERE tenant = ? FOR UPDATE', [tenant])
  if (!row) throw new AssayError('tenant_unknown', `There is no tenant '${tenant}'`, { status: 404 })
  const [newest] = await tx.query<{ version: number }>(
    'SELECT version FROM tenant_settings WHERE tenant = ? ORDER BY version DESC LIMIT 1 FOR UPDATE',
    [tenant],
  )
  if (newest && onlyFirst) return newest.version
  const version = (newest?.version ?? 0) + 1
  await tx.execute('INSERT INTO tenant_settings (tenant, version, settings, created, created_by) VALUES (?, ?, ?, ?, ?)', [
    tenant,
    version,
    JSON.stringify(settings),
    Date.now(),
    by,
  ])
  return version
}

/** Makes a bank: its row, the first version of its settings, its topics, and those that all banks share. The number of partitions is fixed from here on. Can be repeated. */
export async function createTenant(
  database: Database,
  bus: Bus,
  options: { tenant: string; name?: string; partitions?: number; settings?: Partial<Settings>; by?: string },
): Promise<Tenant> {
  const { tenant } = options
  if (!tenantSchema.Check(tenant))
    throw new AssayError('tenant_invalid', `'${tenant}' is not a tenant: lower-case letters, digits and hyphens, at most 32`, {
      status: 400,
    })
  const settings = checkSettings({ ...defaultSettings, ...options.settings })
  const partitions = await database.transaction(async (tx) => {
    // The update changes nothing, and waits for whoever else makes the bank. IGNORE would cut a name that is too long.
    await tx.execute(
      'INSERT INTO tenants (tenant, name, partitions, created) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE tenant = tenant',
      [tenant, options.name ?? tenant, options.partitions ?? 4, Date.now()],
    )
    await addVersion(tx, tenant, settings, options.by ?? 'assay', true)
    const [row] = await tx.query<{ partitions: number }>('SELECT partitions FROM tenants WHERE tenant = ? FOR UPDATE', [tenant])
    return row.partitions
  })
  await bus.ensureInnerTopics()
  await bus.ensureTenantTopics(tenant, partitions)
  const made = (await readTenants(database)).find((t) => t.tenant === tenant)
  if (!made) throw new AssayError('tenant_disabled', `The tenant '${tenant}' is disabled`, { status: 409 })
  return made
}
