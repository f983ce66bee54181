import { useEffect, useRef, useState } from 'react'
import uPlot from 'uplot'
import { rate, time } from '../shared/format.ts'
import { figuresOf, useLive } from '../shared/live.ts'
import 'uplot/dist/uPlot.min.css'
import './rate-plot.css'

const height = 118
const shownSeconds = 180

/** Decisions and alerts each second, over the last three minutes. */
export function RatePlot({ tenant }: { tenant: string | undefined }) {
  const { pulses } = useLive()
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches)

  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)')
    const follow = () => setDark(query.matches)
    query.addEventListener('change', follow)
    return () => query.removeEventListener('change', follow)
  }, [])

  // biome-ignore lint/correctness/useExhaustiveDependencies: colours come from the style sheet, which changes with `dark`
  useEffect(() => {
    const parent = box.current
    if (!parent) return
    const made = new uPlot(options(parent.clientWidth), [[], [], []], parent)
    plot.current = made
    const resize = new ResizeObserver(() => made.setSize({ width: parent.clientWidth, height }))
    resize.observe(parent)
    return () => {
      resize.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [dark])

  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme has made a new, empty plot
  useEffect(() => {
    const times: number[] = []
    const decided: number[] = []
    const alerts: number[] = []
    let before: number | undefined
    for (const pulse of pulses.slice(-shownSeconds)) {
      const figures = figuresOf(pulse, tenant)
      times.push(pulse.at / 1000)
      decided.push(figures.rate)
      alerts.push(before === undefined ? 0 : Math.max(0, figures.alerts - before))
      before = figures.alerts
    }
    plot.current?.setData([times, decided, alerts], false)
    const end = (pulses.at(-1)?.at ?? Date.now()) / 1000
    plot.current?.setScale('x', { min: end - shownSeconds, max: end })
  }, [pulses, tenant, dark])

  return (
    <section className="rate" aria-label="Decisions each second">
      <h2>
        Decisions <span className="quiet">each second</span>
        <span className="legend dot quiet">alerts</span>
      </h2>
      <div ref={box} className="plot" />
    </section>
  )
}

function options(width: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const axis = { stroke: colour('--quiet'), font: '11px system-ui, sans-serif', ticks: { show: false }, gap: 4 }
  return {
    width,
    height,
    padding: [8, 2, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: true, auto: false },
      y: { range: (_, __, max) => [0, Math.max(1, max * 1.15)] },
      alerts: { range: (_, __, max) => [0, Math.max(4, max * 3)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 20, space: 70, values: (_, values) => values.map((v) => time(v * 1000).slice(0, 5)) },
      {
        ...axis,
        grid: { stroke: colour('--line'), width: 1 },
        size: 40,
        space: 28,
        values: (_, values) => values.map((v) => (v === 0 ? '0' : rate(v))),
      },
    ],
    series: [
      {},
      { stroke: colour('--accent'), width: 1.5, fill: colour('--accent-soft'), points: { show: false } },
      { stroke: colour('--high'), fill: colour('--high'), scale: 'alerts', width: 0, points: { show: false }, ...sticks() },
    ],
  }
}

const sticks = (): Partial<uPlot.Series> => (uPlot.paths.bars ? { paths: uPlot.paths.bars({ size: [0.7, 3] }) } : {})
