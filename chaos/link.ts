/** A network link that can be cut: a TCP proxy in front of a server. */
import { type AddressInfo, createServer, Socket } from 'node:net'

export type Link = {
  port: number
  /** Ends all connections and refuses new ones. */
  cut(): void
  mend(): void
  stop(): Promise<void>
}

/** Puts a link before `host:port`, which may change while it is in use. */
export async function createLink(target: () => { host: string; port: number }): Promise<Link> {
  const open = new Set<Socket>()
  let down = false
  const server = createServer((client) => {
    if (down) return void client.destroy()
    const upstream = new Socket()
    for (const s of [client, upstream]) {
      open.add(s)
      s.on('error', () => s.destroy())
      s.on('close', () => open.delete(s))
    }
    client.pipe(upstream)
    upstream.pipe(client)
    client.on('close', () => upstream.destroy())
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
    cut() {
      down = true
      endAll()
    },
    mend() {
      down = false
    },
    stop() {
      endAll()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
