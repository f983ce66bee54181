/** A plot as SVG. Vega is loaded when it is needed: it takes a while, and most commands do without. */
import type { TopLevelSpec } from 'vega-lite'

export async function svgOf(plot: TopLevelSpec): Promise<string> {
  const [{ View, parse }, { compile }] = await Promise.all([import('vega'), import('vega-lite')])
  const view = new View(parse(compile(plot).spec), { renderer: 'none' })
  const svg = await view.toSVG()
  view.finalize()
  return svg
}
