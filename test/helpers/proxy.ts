/** A TCP proxy in front of a server, which can be cut, and which can lose the answer to a statement. */

import type { AddressInfo } from 'node:net'
import { createServer, type Server, Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export type Proxy = {
  port: number
  /** Ends all connections and refuses new ones. */
  cut(): void
  mend(): void
  /** The next time a client sends `text`, the server gets it and the client's connection ends before the answer. Resolves when it happened. */
  loseAnswerTo(text: string): Promise<void>
}

/** Puts a proxy before `host:port`; it ends with the test. */
export async function proxy(host: string, port: number): Promise<Proxy> {
  const open = new Set<Socket>()
  let down = false
  let trap: { text: string; sprung: () => void } | undefined
  const server: Server = createServer((client) => {
    if (down) return void client.destroy()
    const upstream = new Socket()
    for (const s of [client, upstream]) {
      open.add(s)
      s.on('error', () => s.destroy())
      s.on('close', () => open.delete(s))
    }
    let deaf = false
    client.on('data', (data) => {
      upstream.write(data)
      if (!trap || !data.includes(trap.text)) return
      const { sprung } = trap
      trap = undefined
      deaf = true
      // The server has the statement and carries it out; nobody hears of it.
      setTimeout(() => {
        client.destroy()
        sprung()
      }, 200)
    })
    upstream.on('data', (data) => {
      if (!deaf) client.write(data)
    })
    client.on('close', () => setTimeout(() => upstream.destroy(), 500))
    upstream.on('close', () => client.destroy())
    upstream.connect(port, host)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const s of open) s.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      down = true
      for (const s of open) s.destroy()
    },
    mend() {
      down = false
    },
    loseAnswerTo: (text) =>
      new Promise((resolve) => {
        trap = { text, sprung: resolve }
      }),
  }
}
