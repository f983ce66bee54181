import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Me } from '../../../../api.ts'
import type { Agreement, Counts } from '../../../../models/api.ts'
import { ProblemError } from '../../shared/client.ts'
import { count, full, percent, short } from '../../shared/format.ts'
import { Score } from '../../shared/marks.tsx'
import { readAgreement } from '../calls.ts'
import { figure } from '../figure-names.ts'
import './agreement.css'

type Props = { version: number; champion: number; me: Me }

/** How a challenger and the champion differ on the same transactions of a bank, and who was right as labels came. */
export function AgreementCard({ version, champion, me }: Props) {
  const [tenant, setTenant] = useState(me.tenants[0]?.tenant)
  const found = useQuery({
    queryKey: ['agreement', tenant, champion, version],
    queryFn: () => readAgreement({ tenant: String(tenant), a: champion, b: version }),
    enabled: tenant !== undefined,
    staleTime: 60_000,
  })
  const nothing = found.error instanceof ProblemError && found.error.code === 'never_together'
  return (
    <section className="card agreement" aria-label="Agreement">
      <header>
        <h2>
          Beside the champion <span className="quiet">on the same transactions of the last 7 days</span>
        </h2>
        <div>
          {me.tenants.length > 1 && (
            <select aria-label="Bank" value={tenant} onChange={(e) => setTenant(e.target.value)}>
              {me.tenants.map((t) => (
                <option key={t.tenant} value={t.tenant}>
                  {t.name}
                </option>
              ))}
            </select>
          )}
          <button type="button" disabled={found.isFetching} onClick={() => void found.refetch()}>
            {found.isFetching ? 'Reading…' : 'Read again'}
          </button>
        </div>
      </header>
      {found.isPending && <p className="quiet">Reading what both have scored…</p>}
      {nothing && (
        <p className="quiet">The two have not scored a transaction of this bank together yet. Look again when some have come in.</p>
      )}
      {found.isError && !nothing && (
        <p className="fault" role="alert">
          {found.error.message}
        </p>
      )}
      {found.data && <Agreed of={found.data} />}
    </section>
  )
}

function Agreed({ of }: { of: Agreement }) {
  const [atBudget, setAtBudget] = useState(false)
  const raised = atBudget ? of.atBudget : of.atThresholds
  const groups = [
    { name: 'both would raise', counts: raised.both },
    { name: `only model ${of.a}, the champion`, counts: raised.onlyA },
    { name: `only model ${of.b}`, counts: raised.onlyB },
  ]
  const any = raised.both.rows + raised.onlyA.rows + raised.onlyB.rows
  const most = Math.max(1, ...groups.map(({ counts }) => counts.rows))
  const { labelled } = of
  return (
    <>
      <dl className="agreement-figures">
        <Fact name="scored by both" value={count(of.rows)} />
        <Fact
          name="alerts they share"
          value={any === 0 ? '–' : percent(raised.both.rows / any)}
          title="Of all that at least one of them would raise"
        />
        <Fact
          name="order in common"
          value={of.rankCorrelation === null ? '–' : of.rankCorrelation.toFixed(3)}
          title="Spearman's correlation of the scores; 1 is the same order"
        />
        <Fact name="mean score" value={`${percent(of.meanA)} → ${percent(of.meanB)}`} title="The champion's, then this one's" />
        <Fact
          name="AUC on what is known"
          value={pair(labelled.a.auc, labelled.b.auc)}
          title={`Of ${labelled.frauds} frauds and ${labelled.genuine} genuine ones`}
        />
        <Fact
          name="average precision"
          value={pair(labelled.a.averagePrecision, labelled.b.averagePrecision)}
          title="On what is known by now"
        />
      </dl>
      <fieldset className="agreement-at">
        <legend className="unseen">Compared at</legend>
        <button type="button" aria-pressed={!atBudget} onClick={() => setAtBudget(false)}>
          at the bank’s thresholds
        </button>
        <button type="button" aria-pressed={atBudget} onClick={() => setAtBudget(true)}>
          at the same number of alerts
        </button>
        <span className="agreement-key quiet">
          <i className="fraud" /> fraud <i className="genuine" /> genuine <i className="unknown" /> not known yet
        </span>
      </fieldset>
      <table className="agreement-plot">
        <tbody>
          {groups.map(({ name, counts }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>
                <Stack counts={counts} most={most} />
              </td>
              <td className="number">{count(counts.rows)}</td>
              <td className="quiet">
                {counts.frauds} fraud, {counts.genuine} genuine
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {of.disagreements.length > 0 && <Disagreements of={of} />}
    </>
  )
}

const pair = (a: number | null, b: number | null) => (a === null || b === null ? '–' : `${figure(a)} → ${figure(b)}`)

function Fact({ name, value, title }: { name: string; value: string; title?: string }) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

/** What it was, as far as it is known, as parts of one bar. */
function Stack({ counts, most }: { counts: Counts; most: number }) {
  const unknown = counts.rows - counts.frauds - counts.genuine
  let x = 0
  return (
    <svg className="stack" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      {[
        ['fraud', counts.frauds],
        ['genuine', counts.genuine],
        ['unknown', unknown],
      ].map(([name, rows]) => {
        const width = (100 * Number(rows)) / most
        x += width
        return <rect key={name} className={String(name)} x={x - width} y="0" width={width} height="10" />
      })}
    </svg>
  )
}

function Disagreements({ of }: { of: Agreement }) {
  return (
    <details>
      <summary>Where they differ most</summary>
      <table>
        <thead>
          <tr>
            <th>Transaction</th>
            <th>Customer</th>
            <th>Time</th>
            <th>Model {of.a}</th>
            <th>Model {of.b}</th>
            <th>Known as</th>
          </tr>
        </thead>
        <tbody>
          {of.disagreements.slice(0, 10).map((d) => (
            <tr key={d.id}>
              <td title={d.id}>{short(d.id)}</td>
              <td title={d.customer}>{short(d.customer)}</td>
              <td>{full(d.time)}</td>
              <td>
                <Score value={d.a} />
              </td>
              <td>
                <Score value={d.b} />
              </td>
              <td>
                {d.label === 'unknown' ? (
                  <span className="quiet">not yet</span>
                ) : (
                  <span className={`mark verdict-${d.label}`}>{d.label}</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  )
}
