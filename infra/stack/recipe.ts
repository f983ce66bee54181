import type { Report, Server } from './server.ts'

/** Where one run of a server keeps its data and listens; `second` is for what it needs besides (a controller, a status page). */
export type Place = { data: string; port: number; second: number }

/** A command line that starts a server. */
export type Launch = { command: string; args: string[]; env?: NodeJS.ProcessEnv }

/** A program that is there, ready to be started. */
export type Program = {
  product: Server['product']
  from: 'found' | 'installed'
  /** Set where the server itself does not say it. */
  version?: string
  /** Makes the data folder ready, which must be safe to do again, and says how to start. */
  launch(place: Place): Promise<Launch>
}

/** Finds a server's program, or installs it. */
export type Recipe = (directory: string, report: Report) => Promise<Program>
