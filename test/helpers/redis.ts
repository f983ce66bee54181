/** A Redis of a test's own, that can be killed and come back with an empty disk. */
import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { onTestFinished } from 'vitest'
import { freePort } from '../../infra/stack/ports.ts'
import { eventually } from './servers.ts'

export async function redisServer(): Promise<{ address: string; kill(): Promise<void>; startEmpty(): Promise<void> }> {
  const port = await freePort()
  let child: ChildProcess | undefined
  const answers = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
  const startEmpty = async () => {
    child = spawn('redis-server', ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'], { stdio: 'ignore' })
    await eventually('redis-server', answers, 10)
  }
  const kill = async () => {
    const ending = child
    child = undefined
    if (!ending) return
    await new Promise<void>((resolve) => {
      ending.once('exit', () => resolve())
      ending.kill('SIGKILL')
    })
  }
  onTestFinished(kill)
  await startEmpty()
  return { address: `redis://127.0.0.1:${port}`, kill, startEmpty }
}
