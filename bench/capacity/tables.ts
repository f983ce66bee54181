/** The tables of docs/capacity.md. */
import type { Assumptions, Measured, Needs } from './needs.ts'

/** Rates that the tables are of. */
export const rates = [10_000, 100_000, 1_000_000]

const n = (x: number): string => (x >= 100 ? Math.round(x).toLocaleString('en') : String(Number(x.toPrecision(2))))
const table = (rows: readonly (readonly string[])[]): string[] => {
  const width = (column: number) => Math.max(3, ...rows.map((row) => row[column].length))
  const line = (row: readonly string[]) => `| ${row.map((cell, c) => cell.padEnd(width(c))).join(' | ')} |`
  return [line(rows[0]), `| ${rows[0].map((_, c) => '-'.repeat(width(c))).join(' | ')} |`, ...rows.slice(1).map(line)]
}

function measuredTable({ cpuUs, bytes, detector, from, conditions }: Measured): string[] {
  const { inMemory, read } = cpuUs
  const cost = (of: typeof read) => `detector ${n(of.assay)}, TiDB ${n(of.tidb)}, Kafka ${n(of.kafka)}, Redis ${n(of.redis)}`
  const rows = table([
    ['what was measured', '', 'by `npm run bench --`'],
    ['CPU µs a transaction, history in memory', cost(inMemory), from.inMemory],
    ['CPU µs a transaction, history read from TiDB', cost(read), from.read],
    ['bytes of a transaction in TiDB, keys and values of row and indexes', n(bytes.row), from.row],
    ['bytes of a transaction and of its decision in Kafka', `${n(bytes.transaction)} and ${n(bytes.decision)}`, from.kafka],
    [
      'bytes of a merchant, device or address in Redis, seen often and seldom',
      `${n(bytes.entityOften)} and ${n(bytes.entitySeldom)}`,
      from.entity,
    ],
    [
      "a detector's memory when its histories are full, and of how many customers they are",
      `${n(detector.mb)} MB, ${n(detector.customers)}`,
      from.detector,
    ],
  ])
  return [...rows, '', `Measured ${conditions}.`]
}

const assumptionsTable = (a: Assumptions): string[] =>
  table([
    ['what is assumed', '', 'what rests on it'],
    ['the mean rate of a month, against the highest', n(a.meanOfPeak), 'customers, disks, Kafka’s and Redis’s sizes'],
    ['part of a processor that is used at the highest rate', n(a.busy), 'every number of processes'],
    ['transactions of a customer a day', n(a.transactionsADay), 'customers, so what is in memory'],
    ['customers at most, millions', n(a.mostCustomers / 1e6), 'the same: no bank has more'],
    ['merchants a customer', n(a.merchantsEach), "Redis's memory"],
    ['devices and addresses a customer, seen within 46 days', n(a.thingsEach), "Redis's memory"],
    ["each TiKV copy's work, against that of TiDB in one process", n(a.tikvShare), 'TiKV nodes'],
    ['copies in TiKV and in Kafka', n(a.copies), 'TiKV nodes, brokers, disks'],
    ['days for which Kafka keeps records', n(a.kafkaDays), "Kafka's disks"],
    ['cores of a SQL server, a TiKV node, a broker', n(a.cores), 'how many there are'],
    ['TB that a TiKV node holds', n(a.nodeBytes / 1e12), 'TiKV nodes by disk'],
    ['MB a second that a broker writes', n(a.brokerBytesASecond / 1e6), 'brokers'],
    ['GB that one Redis holds', n(a.redisBytes / 1e9), 'Redis by memory'],
    ['partitions of a topic for each detector', n(a.partitionsEach), 'partitions'],
  ])

function needsTable(all: readonly Needs[]): string[] {
  const row = (name: string, cell: (needs: Needs) => string) => [name, ...all.map(cell)]
  return table([
    row('transactions a second, at the highest', (x) => n(x.perSecond)),
    row('customers, millions', (x) => n(x.customers / 1e6)),
    row('transactions whose history is in memory, %', (x) => n(x.inMemory * 100)),
    row('partitions of each topic', (x) => n(x.partitions)),
    row('detectors, a core each', (x) => n(x.detectors)),
    row('their memory, GB', (x) => n(x.detectorGb)),
    row('TiDB SQL servers', (x) => n(x.sqlServers)),
    row('TiKV nodes by their processors', (x) => n(x.tikvByCpu)),
    row("TiKV nodes by a month's rows", (x) => n(x.tikvByDisk)),
    row("TiKV's disks, TB a month", (x) => n(x.tbAMonth)),
    row('Kafka brokers', (x) => n(x.brokers)),
    row("Kafka's disks, TB", (x) => n(x.kafkaTb)),
    row('Redis primaries by processor', (x) => n(x.redisByCpu)),
    row('Redis primaries by memory', (x) => n(x.redisByMemory)),
    row("Redis's memory, GB", (x) => n(x.redisGb)),
  ])
}

/** What was measured, what is assumed, and what follows, as Markdown. */
export const capacityTables = (measured: Measured, assumed: Assumptions, needs: readonly Needs[]): string =>
  [...measuredTable(measured), '', ...assumptionsTable(assumed), '', ...needsTable(needs)].join('\n')
