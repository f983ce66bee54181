/** Where the built page lies. Beside the sources it is built when it is missing or older than they are. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'

const web = join(import.meta.dirname, 'web')
const built = join(web, 'dist')

/** The folder with the page's files. The compiled application has them beside itself; there are no sources there to build from. */
export async function preparePage(logger: Logger): Promise<string> {
  if (!existsSync(join(web, 'src'))) return web
  if (!outdated()) return built
  const started = Date.now()
  // Not imported above, since the compiled application runs without it.
  const { build } = await import('vite')
  // Built aside and then put in place, so that another process never serves half a page.
  const aside = join(web, `dist-${process.pid}`)
  await build({ root: web, configFile: join(web, 'vite.config.ts'), logLevel: 'error', build: { outDir: aside, emptyOutDir: true } })
  await rm(built, { recursive: true, force: true })
  await rename(aside, built)
  logger.info({ ms: Date.now() - started }, 'built the web page')
  return built
}

function outdated(): boolean {
  const index = join(built, 'index.html')
  if (!existsSync(index)) return true
  const builtAt = statSync(index).mtimeMs
  const sources = readdirSync(join(web, 'src'), { recursive: true, encoding: 'utf8' }).map((name) => join(web, 'src', name))
  return [join(web, 'index.html'), join(web, 'vite.config.ts'), ...sources].some((source) => statSync(source).mtimeMs > builtAt)
}
