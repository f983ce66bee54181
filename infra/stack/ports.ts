import { createServer } from 'node:net'

/** Whether nothing listens on a port of 127.0.0.1; a free one is chosen by the kernel for port 0. */
function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : undefined))
    })
  })
}

/** `wanted` when it is free, so that a server that comes back keeps its address; else any free port of 127.0.0.1. */
export async function freePort(wanted?: number): Promise<number> {
  const port = (wanted ? await listenOnce(wanted) : undefined) ?? (await listenOnce(0))
  if (port === undefined) throw new Error('no free port on 127.0.0.1')
  return port
}
