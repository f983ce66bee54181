import { useSyncExternalStore } from 'react'
import { ago, full } from './format.ts'

const listeners = new Set<() => void>()
let now = Date.now()
setInterval(() => {
  now = Date.now()
  for (const listener of listeners) listener()
}, 1000)

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** The time, which moves on every second. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => now)

/** How long ago something was, with the exact time on hover. */
export function Ago({ at }: { at: number }) {
  const current = useNow()
  return (
    <time dateTime={new Date(at).toISOString()} title={full(at)}>
      {ago(at, Math.max(current, at))}
    </time>
  )
}
