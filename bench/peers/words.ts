/** What figures do not say: when a decision of each can be seen, what then holds, and how much of Assay's work Flink's job leaves out. */
import { width } from '../../models/fold/features.ts'
import { settings, type Variant } from './flink.ts'

const checkpoint = `checkpoint, every ${settings.checkpointMs / 1000} s`

export const visibility: Record<'Assay' | Variant, string> = {
  Assay: 'seen after its row is committed in TiDB, and final: a crash or a resend gives the same decision again',
  'Flink at least once': `seen at once, durable with the next ${checkpoint}: after a crash it is made and published again, perhaps another one`,
  'Flink exactly once': `seen by those who read committed records only, with the next ${checkpoint}; durable then`,
  'Flink with TiDB': `seen at once, before its row is in TiDB (${settings.batch} rows or ${settings.batchMs} ms later); after a crash both are made again, the row over the old one`,
}

export const less =
  `Flink's job does less a transaction: 15 features of one customer where Assay has ${width}, those of merchants, devices and addresses among them; ` +
  "a logistic regression where Assay has the shipped model; no reasons, alerts, rates of currencies or bank's settings; no check of what comes in; " +
  'nothing told from what is sent twice; and nothing exactly once in the database, whose table has 9 columns and two keys, not divided by months, where Assay has 27 and three.'
