import { useSyncExternalStore } from 'react'

const subscribe = (listener: () => void) => {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}

/** What the address says after the #, so that where one is can be sent to a colleague. */
export const useHash = (): string => useSyncExternalStore(subscribe, () => window.location.hash)
