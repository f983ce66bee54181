/** The live stream as a store that the page reads. */
import type { QueryClient } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import type { Alert, CaseChange, Figures, Pulse, Snapshot } from '../../../api.ts'

/** `arrived` is null for what was there before the page opened. */
export type LiveAlert = { alert: Alert; arrived: number | null }
export type LiveState = { connected: boolean; pulses: Pulse[]; alerts: LiveAlert[] }

const keptAlerts = 100
const keptPulses = 300
/** Alerts that come in a burst are drawn together. */
const drawEveryMs = 150
const againMs = 3000

let state: LiveState = { connected: false, pulses: [], alerts: [] }
const listeners = new Set<() => void>()

function change(next: Partial<LiveState>): void {
  state = { ...state, ...next }
  for (const listener of listeners) listener()
}

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

export const useLive = (): LiveState => useSyncExternalStore(subscribe, () => state)

/** Opens the stream and keeps it open until the returned function is called. */
export function openLive(queryClient: QueryClient): () => void {
  let source: EventSource | undefined
  let waiting: Alert[] = []
  let drawing: number | undefined
  let again: number | undefined

  const draw = () => {
    drawing = undefined
    const known = new Set(state.alerts.map((a) => a.alert.id))
    const news = waiting.filter((a) => !known.has(a.id)).map((alert) => ({ alert, arrived: Date.now() }))
    waiting = []
    change({ alerts: [...news.reverse(), ...state.alerts].slice(0, keptAlerts) })
  }
  const on = <T>(from: EventSource, name: string, handle: (data: T) => void) =>
    from.addEventListener(name, (event) => handle(JSON.parse((event as MessageEvent<string>).data) as T))

  const open = () => {
    const opened = new EventSource('/api/live')
    source = opened
    on<Snapshot>(opened, 'snapshot', ({ pulses, alerts }) => {
      change({ connected: true, pulses, alerts: alerts.map((alert) => ({ alert, arrived: null })) })
      void queryClient.invalidateQueries({ queryKey: ['cases'] })
    })
    on<Alert>(opened, 'alert', (alert) => {
      waiting.push(alert)
      drawing ??= window.setTimeout(draw, drawEveryMs)
    })
    on<Pulse>(opened, 'pulse', (pulse) => {
      if (casesOf(pulse) !== casesOf(state.pulses.at(-1))) void queryClient.invalidateQueries({ queryKey: ['cases'] })
      change({ connected: true, pulses: [...state.pulses, pulse].slice(-keptPulses) })
    })
    on<CaseChange>(opened, 'case', ({ tenant, caseId }) => {
      void queryClient.invalidateQueries({ queryKey: ['cases'] })
      void queryClient.invalidateQueries({ queryKey: ['case', tenant, caseId] })
    })
    opened.onerror = () => {
      change({ connected: false })
      // The browser connects again by itself unless it was refused: then the session may be over.
      if (opened.readyState !== EventSource.CLOSED) return
      void queryClient.invalidateQueries({ queryKey: ['session'] })
      again = window.setTimeout(open, againMs)
    }
  }
  open()
  return () => {
    source?.close()
    window.clearTimeout(drawing)
    window.clearTimeout(again)
    change({ connected: false, pulses: [], alerts: [] })
  }
}

const casesOf = (pulse: Pulse | undefined): string =>
  Object.entries(pulse?.tenants ?? {})
    .map(([tenant, f]) => `${tenant} ${f.open} ${f.claimed} ${f.closed}`)
    .join()

const none: Figures = { rate: 0, decided: 0, alerts: 0, open: 0, claimed: 0, closed: 0 }

/** The figures of one bank, or of all together. */
export function figuresOf(pulse: Pulse | undefined, tenant: string | undefined): Figures {
  const chosen = Object.entries(pulse?.tenants ?? {}).filter(([name]) => tenant === undefined || name === tenant)
  return chosen.reduce<Figures>(
    (sum, [, f]) => ({
      rate: sum.rate + f.rate,
      decided: sum.decided + f.decided,
      alerts: sum.alerts + f.alerts,
      open: sum.open + f.open,
      claimed: sum.claimed + f.claimed,
      closed: sum.closed + f.closed,
    }),
    none,
  )
}
