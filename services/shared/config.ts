/** The environment, read once by `main.ts`: one table of variables, and one error that lists every problem at once. */
import { AssayError, messageOf } from './errors.ts'

export type SqlAddress = { host: string; port: number; user: string; password: string; database: string }

export type Config = {
  kafka: string[]
  sql: SqlAddress
  redis: string
  redisJobs: string
  /** Prefix of consumer group ids and of BullMQ's keys: two installations on the same servers differ in it. */
  group: string
  logLevel: string
  host: string
  gatewayPort: number
  consolePort: number
  /** Port of /livez, /readyz and /metrics of services that serve no HTTP of their own. */
  healthPort: number
  modelDirectory: string
  /** TensorFlow.js's backend that scores: WebAssembly is quicker on small networks and takes 300 MB less than the native one. */
  backend: 'auto' | 'node' | 'wasm'
  /** MB that a training may take. */
  trainerMemory: number
  /** A model is trained when the last training is so many days ago, or so many labels have come since; 0 for never. */
  retrainDays: number
  retrainLabels: number
  guards: GuardLimits
  /** Keys the tokens of card numbers and the console's cookies. */
  tokenKey: string
}

/** When a canary is taken back by itself. */
export type GuardLimits = {
  /** Minutes that are looked back on. */
  minutes: number
  /** Transactions that canary and champion must each have decided before their alerts and scores are compared. */
  rows: number
  /** Times as many alerts, or as few. */
  alertRatio: number
  /** Population stability index. */
  scoreShift: number
  /** Times as long for its part of a batch. */
  latencyRatio: number
  /** Share of its transactions that it gives no score for. */
  errorShare: number
}

type Variable = { name: string; default?: string; unit: string; meaning: string }

/** Every variable: its default and its unit. `.env.example` is checked against this table. */
export const variables = [
  { name: 'ASSAY_KAFKA', unit: 'host:port, comma-separated', meaning: 'Kafka bootstrap servers' },
  { name: 'ASSAY_TIDB', unit: 'mysql://user:password@host:port', meaning: 'TiDB' },
  { name: 'ASSAY_DATABASE', default: 'assay', unit: 'name', meaning: 'Database in TiDB' },
  { name: 'ASSAY_REDIS', unit: 'redis://host:port', meaning: 'Redis of the counters of merchants, devices and addresses' },
  {
    name: 'ASSAY_REDIS_JOBS',
    default: '',
    unit: 'redis://host:port',
    meaning: 'Redis of BullMQ, if it is another: full counters then cannot stop escalations',
  },
  { name: 'ASSAY_GROUP', default: 'assay', unit: 'name', meaning: "Prefix of Kafka consumer groups and of BullMQ's keys" },
  { name: 'ASSAY_LOG_LEVEL', default: 'info', unit: 'trace|debug|info|warn|error|silent', meaning: 'Least level that is logged' },
  { name: 'ASSAY_HOST', default: '127.0.0.1', unit: 'address', meaning: 'Address that the services listen on' },
  { name: 'ASSAY_GATEWAY_PORT', default: '8400', unit: 'port, 0 for any free one', meaning: "The gateway's HTTP port" },
  { name: 'ASSAY_CONSOLE_PORT', default: '8401', unit: 'port, 0 for any free one', meaning: "The console's HTTP port" },
  {
    name: 'ASSAY_HEALTH_PORT',
    default: '8402',
    unit: 'port, 0 for any free one',
    meaning: 'Port of /livez, /readyz and /metrics of detector, casework and trainer',
  },
  {
    name: 'ASSAY_MODEL',
    default: 'models/default',
    unit: 'folder',
    meaning: 'Model that ships: it becomes champion where the registry has none',
  },
  { name: 'ASSAY_BACKEND', default: 'wasm', unit: 'wasm|node|auto', meaning: "TensorFlow.js's backend that scores" },
  { name: 'ASSAY_GUARD_MINUTES', default: '15', unit: 'minutes', meaning: "How far the canary's guards look back" },
  {
    name: 'ASSAY_GUARD_ROWS',
    default: '500',
    unit: 'transactions',
    meaning: 'What canary and champion must each have decided before alerts and scores are compared',
  },
  {
    name: 'ASSAY_GUARD_ALERTS',
    default: '2',
    unit: 'times',
    meaning: "A canary with so many times the champion's alerts, or as few, is taken back",
  },
  {
    name: 'ASSAY_GUARD_SCORES',
    default: '0.25',
    unit: 'stability index',
    meaning: "So is one whose scores lie so far from the champion's",
  },
  { name: 'ASSAY_GUARD_LATENCY', default: '3', unit: 'times', meaning: 'So is one that takes so many times as long' },
  {
    name: 'ASSAY_GUARD_ERRORS',
    default: '0.01',
    unit: 'share',
    meaning: 'So is one that gives no score for that share of its transactions',
  },
  {
    name: 'ASSAY_TRAINER_MEMORY',
    default: '2048',
    unit: 'MB',
    meaning: 'What a training may take; rows beyond a part of it lie in a file',
  },
  {
    name: 'ASSAY_RETRAIN_DAYS',
    default: '30',
    unit: 'days, 0 for never',
    meaning: 'A model is trained when the last training is so long ago',
  },
  {
    name: 'ASSAY_RETRAIN_LABELS',
    default: '0',
    unit: 'number, 0 for never',
    meaning: 'A model is trained when so many labels have come since the last training',
  },
  {
    name: 'ASSAY_SECRET',
    unit: 'at least 32 characters',
    meaning: 'Keys card-number tokens and cookies; keep it secret and never change it',
  },
] as const satisfies readonly Variable[]

const backends = ['wasm', 'node', 'auto']
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'silent']

/** Parses `mysql://user:password@host:port` or `host:port`. Throws an Error that says what is wrong. */
export function parseSqlAddress(text: string, database: string): SqlAddress {
  const url = new URL(text.includes('://') ? text : `mysql://${text}`)
  const path = url.pathname.slice(1)
  if (!/^[a-zA-Z0-9_]*$/.test(path)) throw new Error('names a database that is not letters, digits and underscores')
  if (url.protocol !== 'mysql:' || !url.hostname) throw new Error('is not of the form mysql://user:password@host:port')
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 4000),
    user: decodeURIComponent(url.username || 'root'),
    password: decodeURIComponent(url.password),
    database: path || database,
  }
}

/** Reads and checks the environment. Throws `config_invalid` with one line for each problem. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const problems: string[] = []
  const value = (name: (typeof variables)[number]['name']): string => {
    const variable = variables.find((v) => v.name === name) as Variable
    // Compose files and shells pass on what is not set as an empty text.
    const given = env[name] || variable.default
    if (given === undefined) {
      problems.push(`${name} is missing: ${variable.meaning} (${variable.unit})`)
      return ''
    }
    return given
  }
  const attempt = <T>(name: string, parse: () => T, otherwise: T): T => {
    try {
      return parse()
    } catch (error) {
      problems.push(`${name} ${messageOf(error)}`)
      return otherwise
    }
  }
  const port = (name: (typeof variables)[number]['name']): number => {
    const text = value(name)
    const number = Number(text)
    if (!/^\d+$/.test(text) || number > 65_535) problems.push(`${name} is '${text}', not a port between 0 and 65535`)
    return number
  }
  const whole = (name: (typeof variables)[number]['name'], least: number): number => {
    const text = value(name)
    if (!/^\d{1,9}$/.test(text) || Number(text) < least) problems.push(`${name} is '${text}', not a whole number of at least ${least}`)
    return Number(text)
  }
  const above = (name: (typeof variables)[number]['name'], least: number): number => {
    const text = value(name)
    const number = Number(text)
    if (!(number > least && number < Number.POSITIVE_INFINITY)) problems.push(`${name} is '${text}', not a number above ${least}`)
    return number
  }
  const redisAddress = (name: 'ASSAY_REDIS' | 'ASSAY_REDIS_JOBS', text: string): string => {
    if (text && !/^rediss?:\/\/[^\s]+$/.test(text)) problems.push(`${name} is not of the form redis://host:port`)
    return text
  }

  const kafka = value('ASSAY_KAFKA')
    .split(',')
    .map((s) => s.trim())
    .filter(Boolean)
  for (const broker of kafka) if (!/^[^\s:]+:\d+$/.test(broker)) problems.push(`ASSAY_KAFKA has '${broker}', not host:port`)
  const database = value('ASSAY_DATABASE')
  if (database && !/^[a-zA-Z0-9_]{1,64}$/.test(database))
    problems.push(`ASSAY_DATABASE is '${database}', not letters, digits and underscores`)
  const sqlText = value('ASSAY_TIDB')
  const nowhere: SqlAddress = { host: '', port: 0, user: '', password: '', database }
  const sql = sqlText ? attempt('ASSAY_TIDB', () => parseSqlAddress(sqlText, database), nowhere) : nowhere
  const redis = redisAddress('ASSAY_REDIS', value('ASSAY_REDIS'))
  const tokenKey = value('ASSAY_SECRET')
  if (tokenKey && tokenKey.length < 32) problems.push(`ASSAY_SECRET has ${tokenKey.length} characters, at least 32 are needed`)
  const backend = value('ASSAY_BACKEND')
  if (!backends.includes(backend)) problems.push(`ASSAY_BACKEND is '${backend}', not one of ${backends.join(', ')}`)
  const logLevel = value('ASSAY_LOG_LEVEL')
  if (!levels.includes(logLevel)) problems.push(`ASSAY_LOG_LEVEL is '${logLevel}', not one of ${levels.join(', ')}`)
  const config: Config = {
    kafka,
    sql,
    redis,
    redisJobs: redisAddress('ASSAY_REDIS_JOBS', value('ASSAY_REDIS_JOBS')) || redis,
    group: value('ASSAY_GROUP'),
    logLevel,
    host: value('ASSAY_HOST'),
    gatewayPort: port('ASSAY_GATEWAY_PORT'),
    consolePort: port('ASSAY_CONSOLE_PORT'),
    healthPort: port('ASSAY_HEALTH_PORT'),
    modelDirectory: value('ASSAY_MODEL'),
    backend: backend as Config['backend'],
    trainerMemory: whole('ASSAY_TRAINER_MEMORY', 512),
    retrainDays: whole('ASSAY_RETRAIN_DAYS', 0),
    retrainLabels: whole('ASSAY_RETRAIN_LABELS', 0),
    guards: {
      minutes: above('ASSAY_GUARD_MINUTES', 0),
      rows: above('ASSAY_GUARD_ROWS', 0),
      alertRatio: above('ASSAY_GUARD_ALERTS', 1),
      scoreShift: above('ASSAY_GUARD_SCORES', 0),
      latencyRatio: above('ASSAY_GUARD_LATENCY', 1),
      errorShare: above('ASSAY_GUARD_ERRORS', 0),
    },
    tokenKey,
  }
  if (problems.length > 0) {
    throw new AssayError('config_invalid', `The environment has ${problems.length} problem(s):\n  ${problems.join('\n  ')}`, {
      details: { problems },
    })
  }
  return config
}
