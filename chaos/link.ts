/** A network link that can be cut: a TCP proxy in front of a server. */
import { type AddressInfo, createServer, Socket } from 'node:net'

export type Link = {
  port: number
  /** Connections that came so far. */
  used(): number
  /** Ends all connections and refuses new ones. */
  cut(): void
  /** Nothing comes through in either direction, and nobody is told: connections stay, and what is sent waits for `mend`. */
  silence(): void
  mend(): void
  /** The next time a client sends `text`, the server gets it and the client's connection ends before the answer. Resolves when it happened. */
  loseAnswerTo(text: string): Promise<void>
  stop(): Promise<void>
}

/** Milliseconds that the server gets to carry out what nobody will hear of. */
const unheard = 200

/** Puts a link before `host:port`, which may change while it is in use. */
export async function createLink(target: () => { host: string; port: number }): Promise<Link> {
  const open = new Set<Socket>()
  let down = false
  let silent = false
  let used = 0
  let trap: { text: string; sprung: () => void } | undefined
  const server = createServer((client) => {
    if (down) return void client.destroy()
    used++
    const upstream = new Socket()
    for (const s of [client, upstream]) {
      open.add(s)
      if (silent) s.pause()
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
      setTimeout(() => {
        client.destroy()
        sprung()
      }, unheard)
    })
    upstream.on('data', (data) => {
      if (!deaf) client.write(data)
    })
    // What was sent last may still be under way.
    client.on('close', () => setTimeout(() => upstream.destroy(), 2 * unheard))
    upstream.on('close', () => client.destroy())
    const { host, port } = target()
    upstream.connect(port, host)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endAll = () => {
    for (const s of open) s.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    used: () => used,
    cut() {
      down = true
      endAll()
    },
    silence() {
      silent = true
      for (const s of open) s.pause()
    },
    mend() {
      down = false
      silent = false
      for (const s of open) s.resume()
    },
    loseAnswerTo: (text) =>
      new Promise((resolve) => {
        trap = { text, sprung: resolve }
      }),
    stop() {
      endAll()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
