import { mkdirSync } from 'node:fs'
import { ensureCommand } from './programs.ts'
import type { Recipe } from './recipe.ts'

/** Redis that keeps what it was told (an append-only file) and refuses writes rather than forget jobs when it is full. */
export const redis: Recipe = async (_directory, report) => {
  const { path, from } = await ensureCommand('redis-server', ['redis-server'], 'redis', report)
  return {
    product: 'Redis',
    from,
    async launch({ data, port }) {
      mkdirSync(data, { recursive: true })
      const listen = ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', data]
      const keep = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '', '--maxmemory-policy', 'noeviction']
      return { command: path, args: [...listen, ...keep] }
    },
  }
}
