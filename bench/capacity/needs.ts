/** From what a transaction costs to what so many a second need: pure arithmetic, each line of which rests on one of the assumptions. */

/** CPU microseconds of a transaction, by process. */
export type Cost = { assay: number; tidb: number; kafka: number; redis: number }

/** What benches have shown; `measured.json` holds it, and says where each figure is from. */
export type Measured = {
  /** With the customer's history in memory, and with one that is read from TiDB. */
  cpuUs: { inMemory: Cost; read: Cost }
  bytes: {
    /** Keys and values of a transaction's row and indexes in TiDB. */
    row: number
    /** A transaction's and a decision's record in Kafka, on the disk. */
    transaction: number
    decision: number
    /** A merchant, device or address in Redis: one whose state is full, and one that was seen a few times. */
    entityOften: number
    entitySeldom: number
  }
  /** A detector's memory when its histories have reached their bound, and of how many customers they are then. */
  detector: { mb: number; customers: number }
  /** The command that gave each of them. */
  from: { inMemory: string; read: string; row: string; kafka: string; entity: string; detector: string }
  /** When and on what. */
  conditions: string
}

export type Assumptions = {
  /** The mean of a month against the highest second, which is what the rate is. */
  meanOfPeak: number
  /** Part of its processor that a process may use at the highest rate: the rest is for what is lost when a machine fails, and for catching up. */
  busy: number
  /** What a customer does a day, and how many customers there are at most. */
  transactionsADay: number
  mostCustomers: number
  /** Merchants, and devices and addresses, that were seen in the 46 days for which Redis keeps them, by customer. */
  merchantsEach: number
  thingsEach: number
  /** Of TiDB's work, measured in one process with its own store, what each of TiKV's copies does besides all of it in the SQL servers. */
  tikvShare: number
  /** Copies that TiKV and Kafka keep, and days for which Kafka keeps a record. */
  copies: number
  kafkaDays: number
  /** Cores of one SQL server, one TiKV node, one broker; a detector and a Redis use one. */
  cores: number
  /** Bytes a TiKV node may hold, bytes a second that a broker may write, bytes that one Redis may hold. */
  nodeBytes: number
  brokerBytesASecond: number
  redisBytes: number
  /** Partitions of each topic for each detector, so that one more can have a share. */
  partitionsEach: number
}

export const assumptions: Assumptions = {
  meanOfPeak: 0.4,
  busy: 0.6,
  transactionsADay: 2,
  mostCustomers: 2e9,
  merchantsEach: 0.02,
  thingsEach: 3,
  tikvShare: 0.5,
  copies: 3,
  kafkaDays: 7,
  cores: 8,
  nodeBytes: 3e12,
  brokerBytesASecond: 2e8,
  redisBytes: 16e9,
  partitionsEach: 2,
}

export type Needs = {
  perSecond: number
  customers: number
  /** Part of the transactions whose customer's history is in a detector's memory. */
  inMemory: number
  detectors: number
  partitions: number
  detectorGb: number
  /** Two at least, since one may fail. */
  sqlServers: number
  /** By their processors, and by a month's rows; as many as there are copies at least. */
  tikvByCpu: number
  tikvByDisk: number
  /** By their processors and by what they write; three at least, for the copies. */
  brokers: number
  kafkaTb: number
  /** By processor and by memory. */
  redisByCpu: number
  redisByMemory: number
  redisGb: number
  /** What a month adds to TiKV's disks, all copies. */
  tbAMonth: number
}

const day = 86_400
const month = 30 * day

/** Processors for so much work a transaction, of which so many are in one machine. */
const machines = (perSecond: number, us: number, cores: number, busy: number) => Math.ceil((perSecond * us) / 1e6 / (cores * busy))

/**
 * What so many transactions a second at the highest need. More detectors hold more histories, so that less is read, so that fewer detectors are
 * needed: the number is the least that holds what follows from it.
 */
export function needsOf(
  perSecond: number,
  { cpuUs, bytes, detector }: Pick<Measured, 'cpuUs' | 'bytes' | 'detector'>,
  a: Assumptions = assumptions,
): Needs {
  const mean = perSecond * a.meanOfPeak
  const customers = Math.min(a.mostCustomers, (mean * day) / a.transactionsADay)
  const held = (detectors: number) => Math.min(1, (detectors * detector.customers) / customers)
  const cost = (of: keyof Cost, detectors: number) => cpuUs.read[of] + (cpuUs.inMemory[of] - cpuUs.read[of]) * held(detectors)
  let detectors = 1
  while (machines(perSecond, cost('assay', detectors), 1, a.busy) > detectors) detectors++
  const copied = a.copies * (bytes.transaction + bytes.decision)
  const redisBytes = customers * (a.merchantsEach * bytes.entityOften + a.thingsEach * bytes.entitySeldom)
  const stored = mean * month * bytes.row * a.copies
  return {
    ...{ perSecond, customers, inMemory: held(detectors), detectors },
    partitions: detectors * a.partitionsEach,
    detectorGb: (detectors * detector.mb) / 1000,
    sqlServers: Math.max(2, machines(perSecond, cost('tidb', detectors), a.cores, a.busy)),
    tikvByCpu: Math.max(a.copies, machines(perSecond, cost('tidb', detectors) * a.tikvShare * a.copies, a.cores, a.busy)),
    tikvByDisk: Math.max(a.copies, Math.ceil(stored / a.nodeBytes)),
    brokers: Math.max(
      3,
      machines(perSecond, cost('kafka', detectors) * a.copies, a.cores, a.busy),
      Math.ceil((perSecond * copied) / a.brokerBytesASecond),
    ),
    kafkaTb: (mean * a.kafkaDays * day * copied) / 1e12,
    redisByCpu: machines(perSecond, cost('redis', detectors), 1, a.busy),
    redisByMemory: Math.ceil(redisBytes / a.redisBytes),
    redisGb: redisBytes / 1e9,
    tbAMonth: stored / 1e12,
  }
}
