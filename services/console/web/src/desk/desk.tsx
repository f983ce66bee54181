/** The desk: the queue of cases beside what is decided right now, and the case that is open. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { useCallback, useState } from 'react'
import type { CaseRow, CaseState, Me } from '../../../api.ts'
import { CaseView } from '../case/case-view.tsx'
import { useHash } from '../shared/address.ts'
import { listCases } from '../shared/client.ts'
import { Header } from '../shared/header.tsx'
import { useKeys } from '../shared/keys.ts'
import { Feed } from './feed.tsx'
import { Help } from './help.tsx'
import { Queue } from './queue.tsx'
import { RatePlot } from './rate-plot.tsx'
import './desk.css'

/** The case that the address names, so that it can be sent to a colleague. */
export type Place = { tenant: string; id: string }

const readPlace = (hash: string): Place | undefined => {
  const [, tenant, id] = /^#\/cases\/([^/]+)\/([^/]+)$/.exec(hash) ?? []
  return tenant && id ? { tenant: decodeURIComponent(tenant), id: decodeURIComponent(id) } : undefined
}
export const goTo = ({ tenant, id }: Place): void => {
  window.location.hash = `#/cases/${encodeURIComponent(tenant)}/${encodeURIComponent(id)}`
}

const keys = [
  ['j  k', 'next and previous case'],
  ['c', 'claim the case'],
  ['r', 'release it'],
  ['1', 'verdict: fraud'],
  ['2', 'verdict: genuine'],
  ['3', 'verdict: inconclusive'],
  ['Ctrl Enter', 'confirm the verdict'],
  ['Esc', 'let go of the verdict, close this'],
  ['?', 'this list'],
] as const

/** On a narrow screen one of these is shown, on a wide one all are. */
const panes = ['queue', 'case', 'live'] as const
type Pane = (typeof panes)[number]

/** Everything behind the login: queue, case and live feed side by side. */
export function Desk({ me }: { me: Me }) {
  const [tenant, setTenant] = useState<string>()
  const [state, setState] = useState<CaseState>('open')
  const [help, setHelp] = useState(false)
  const [pane, setPane] = useState<Pane>(() => (readPlace(window.location.hash) ? 'case' : 'queue'))
  const place = readPlace(useHash())

  const list = useInfiniteQuery({
    queryKey: ['cases', tenant, state],
    queryFn: ({ pageParam }) => listCases({ tenant, state, after: pageParam }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: 10_000,
  })
  const cases = list.data?.pages.flatMap((page) => page.cases) ?? []

  const open = useCallback((to: Place) => {
    goTo(to)
    setPane('case')
  }, [])
  const step = (by: number) => {
    const at = cases.findIndex((c) => c.tenant === place?.tenant && c.id === place.id)
    const next = cases[at < 0 ? (by > 0 ? 0 : cases.length - 1) : Math.min(cases.length - 1, Math.max(0, at + by))]
    if (next) open(next)
  }
  /** After a verdict the next case in the list is at hand. */
  const judged = (what: Place) => {
    const at = cases.findIndex((c) => c.tenant === what.tenant && c.id === what.id)
    const next: CaseRow | undefined = state === 'closed' ? undefined : (cases[at + 1] ?? cases.find((_, i) => i !== at))
    if (next) goTo(next)
  }
  useKeys({ j: () => step(1), k: () => step(-1), '?': () => setHelp(true) })

  return (
    <div className={`desk show-${pane}`}>
      <Header me={me} at="cases" tenant={tenant} onTenant={setTenant} onHelp={() => setHelp(true)} />
      <Queue list={list} cases={cases} state={state} onState={setState} tenant={tenant} me={me} chosen={place} onOpen={open} />
      <main className="pane case-pane">
        {place ? (
          <CaseView key={`${place.tenant} ${place.id}`} place={place} me={me} onJudged={judged} />
        ) : (
          <div className="empty">
            <p>No case is open here.</p>
            <p className="quiet">
              Choose one from the queue, or press <kbd>j</kbd>.
            </p>
          </div>
        )}
      </main>
      <aside className="pane live-pane" aria-label="Live">
        <RatePlot tenant={tenant} />
        <Feed tenant={tenant} several={me.tenants.length > 1} onOpen={open} />
      </aside>
      <nav className="tabs">
        {panes.map((name) => (
          <button key={name} type="button" aria-current={pane === name ? 'page' : undefined} onClick={() => setPane(name)}>
            {name === 'queue' ? 'Queue' : name === 'case' ? 'Case' : 'Live'}
          </button>
        ))}
      </nav>
      {help && <Help keys={keys} onClose={() => setHelp(false)} />}
    </div>
  )
}
