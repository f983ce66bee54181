/** A load by schedule on someone who decides, and someone who reads what was decided. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { mustRun } from '../detector.ts'
import { meterCpu } from '../process.ts'
import { processesOf, type Watched } from '../servers.ts'
import type { Loader } from './loader.ts'
import type { Reader } from './reader.ts'
import { type Segment, segmentOf } from './segments.ts'

export type OpenLoop = {
  /** Who decides; the CPU time is listed under this name. */
  name: string
  child: ChildProcess
  loader: Loader
  reader: Reader
  /** Records that were answered so far. */
  answered: number
}

/** Waits until so many records were read. Throws after so many seconds, or when whoever decides has ended. */
export async function untilRead({ name, child, reader }: OpenLoop, records: number, seconds: number): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; reader.decisions() < records; await sleep(5)) {
    mustRun(child, name)
    if (Date.now() > deadline) throw new Error(`${reader.decisions()} of ${records} records were answered after ${seconds} s`)
  }
}

/** One segment at one rate: `warm` seconds that do not count, then so many that do. */
export async function measure(
  loop: OpenLoop,
  { perSecond, warm, seconds, seed }: { perSecond: number; warm: number; seconds: number; seed: number },
  watched: Watched,
): Promise<Segment> {
  const { name, child, loader, reader } = loop
  loader.order({ perSecond, warm, seconds, seed })
  const { warmed } = await loader.answer('begun')
  const processes = [
    { name, pid: child.pid as number },
    ...processesOf(watched),
    { name: 'load', pid: loader.pid },
    { name: 'reader', pid: process.pid },
  ]
  const used = meterCpu(processes)
  const { ids, due, sent } = await loader.answer('sent')
  loop.answered += warmed + ids.length
  await untilRead(loop, loop.answered, 60)
  const cpuUs = used(ids.length)
  // An alert goes out with its decision, and may come a fetch later.
  await sleep(250)
  return segmentOf({ perSecond, ids, due, sent, cpuUs }, reader.take())
}
