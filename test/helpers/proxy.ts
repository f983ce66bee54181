/** A link in front of a server, which can be cut, and which can lose the answer to a statement; it ends with the test. */
import { onTestFinished } from 'vitest'
import { createLink, type Link } from '../../chaos/link.ts'

export async function proxy(host: string, port: number): Promise<Link> {
  const link = await createLink(() => ({ host, port }))
  onTestFinished(() => link.stop())
  return link
}
