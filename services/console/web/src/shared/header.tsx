import { useMutation, useQueryClient } from '@tanstack/react-query'
import { seesModels } from '../../../access.ts'
import type { Me } from '../../../api.ts'
import { logout } from './client.ts'
import { count, rate } from './format.ts'
import { figuresOf, useLive } from './live.ts'
import { Logo } from './logo.tsx'
import './header.css'

type Props = {
  me: Me
  at: 'cases' | 'models'
  tenant: string | undefined
  /** Where what is shown belongs to one bank. */
  onTenant?: (tenant: string | undefined) => void
  onHelp: () => void
}

/** The figures that move, the bank that is looked at, and who looks. */
export function Header({ me, at, tenant, onTenant, onHelp }: Props) {
  const { connected, pulses } = useLive()
  const queryClient = useQueryClient()
  const leave = useMutation({ mutationFn: logout, onSuccess: () => queryClient.resetQueries() })
  const figures = figuresOf(pulses.at(-1), tenant)
  return (
    <header className="top">
      <a className="brand" href="#/">
        <Logo /> Assay
      </a>
      {seesModels(me) && (
        <nav className="places" aria-label="Pages">
          <a href="#/" aria-current={at === 'cases' ? 'page' : undefined}>
            Cases
          </a>
          <a href="#/models" aria-current={at === 'models' ? 'page' : undefined}>
            Models
          </a>
        </nav>
      )}
      <dl className="figures">
        <Figure name="per second" value={rate(figures.rate)} title="Decisions in the last second" />
        <Figure name="decided" value={count(figures.decided)} title="Decisions published since the topics were made" />
        <Figure name="alerts" value={count(figures.alerts)} title="Alerts raised since the topics were made" />
        <Figure
          name="open"
          value={count(figures.open)}
          title="Cases that nobody has claimed"
          tone={figures.open > 0 ? 'warn' : undefined}
        />
        <Figure name="claimed" value={count(figures.claimed)} title="Cases that somebody is working on" />
        <Figure name="closed, 24 h" value={count(figures.closed)} title="Cases of the last 24 hours that are closed" />
      </dl>
      <span className={`link dot ${connected ? 'on' : 'off'}`} role="status">
        {connected ? 'live' : 'reconnecting'}
      </span>
      {onTenant && me.tenants.length > 1 && (
        <select aria-label="Bank" value={tenant ?? ''} onChange={(e) => onTenant(e.target.value || undefined)}>
          <option value="">All banks</option>
          {me.tenants.map((t) => (
            <option key={t.tenant} value={t.tenant}>
              {t.name}
            </option>
          ))}
        </select>
      )}
      <button type="button" className="plain help-button" onClick={onHelp} title="Keyboard shortcuts" aria-label="Keyboard shortcuts">
        ?
      </button>
      <span className="who" title={me.tenant ? `${me.role} of ${me.tenant}` : `${me.role} of all banks`}>
        {me.name} <span className="quiet">{me.role}</span>
      </span>
      <button type="button" className="plain" onClick={() => leave.mutate()}>
        Log out
      </button>
    </header>
  )
}

function Figure({ name, value, title, tone }: { name: string; value: string; title: string; tone?: 'warn' | undefined }) {
  return (
    <div title={title} className={tone}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}
