/** Detectors that come and go under a load by schedule. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { createBank } from '../bank.ts'
import { endDetector, spawnDetector } from '../detector.ts'
import { createLoader } from '../latency/loader.ts'
import { createReader, type Reader, type Taken } from '../latency/reader.ts'
import { type Percentiles, percentilesOf } from '../process.ts'
import type { Watched } from '../servers.ts'
import { untilRecorded, untilShared } from './held.ts'

export type Phase = {
  name: string
  sent: number
  decided: number
  /** Milliseconds from when each was due to its decision in a reader's hands. */
  latencyMs: Percentiles
}
export type Rebalance = {
  perSecond: number
  secondsEach: number
  phases: Phase[]
  /** Decisions that came twice, since their offsets were not committed when the partition went to another detector. */
  again: number
}

export const phaseNames = ['two detectors', 'a third joins', 'one of the three leaves'] as const

/** Divides what was sent among phases of so many milliseconds by when it was due. An id that is empty is a resend's. */
export function phasesOf(sent: { ids: readonly string[]; due: Float64Array }, { decided }: Pick<Taken, 'decided'>, each: number): Phase[] {
  const waits = phaseNames.map((): number[] => [])
  const count = phaseNames.map(() => 0)
  sent.ids.forEach((id, i) => {
    if (id === '') return
    const phase = Math.min(phaseNames.length - 1, Math.floor((sent.due[i] - sent.due[0]) / each))
    count[phase]++
    const at = decided.get(id)?.at
    if (at !== undefined) waits[phase].push(at - sent.due[i])
  })
  return phaseNames.map((name, p) => ({ name, sent: count[p], decided: waits[p].length, latencyMs: percentilesOf(waits[p]) }))
}

/** Two detectors under load, to which a third is added, of which then the first is ended as an operator would. */
export async function rebalance(
  options: Watched & { perSecond: number; secondsEach: number; partitions: number; seed: number },
): Promise<Rebalance> {
  const { perSecond, secondsEach, partitions, seed } = options
  const [warm, seconds] = [3, secondsEach * phaseNames.length]
  const bank = await createBank(options.env, { partitions })
  const transactions = 2000 + Math.ceil((warm + seconds) * perSecond * 1.1)
  const loader = createLoader({ kafka: bank.config.kafka, tenant: bank.tenant, seed, transactions })
  const children: ChildProcess[] = []
  const begin = () => void children.push(spawnDetector(bank.config, options.flags))
  let reader: Reader | undefined
  try {
    await loader.answer('ready')
    begin()
    begin()
    await untilShared(bank, partitions, children)
    reader = await createReader(bank)
    loader.order({ backlog: 2000 })
    await loader.answer('loaded')
    await untilRecorded(bank, 2000, 60, children)
    const sent = loader.answer('sent')
    loader.order({ perSecond, warm, seconds, seed })
    const { warmed } = await loader.answer('begun')
    await sleep(secondsEach * 1000)
    begin()
    await sleep(secondsEach * 1000)
    const leaving = children.shift() as ChildProcess
    await endDetector(leaving)
    const { ids, due } = await sent
    await untilRecorded(bank, 2000 + warmed + ids.length, 60, children)
    // What is recorded is on its way to the reader.
    for (let seen = -1; seen !== reader.decisions(); await sleep(500)) seen = reader.decisions()
    const again = reader.decisions() - (2000 + warmed + ids.length)
    return { perSecond, secondsEach, phases: phasesOf({ ids, due }, reader.take(), secondsEach * 1000), again }
  } finally {
    await reader?.stop()
    await Promise.all(children.map(endDetector))
    loader.stop()
    await bank.close()
  }
}
