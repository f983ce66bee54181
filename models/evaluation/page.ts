/** A report as one page of HTML that needs nothing but itself. */

const escaped = (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

/** The first row is the head. */
export function htmlTable([head, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: 'th' | 'td') =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  return `<table><thead>${line(head, 'th')}</thead><tbody>${rows.map((row) => line(row, 'td')).join('\n')}</tbody></table>`
}

export const htmlPlots = (plots: readonly string[]): string => plots.map((svg) => `<figure>${svg}</figure>`).join('\n')

const style = `body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:1rem 0}th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #d5dae1}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}figure{display:inline-block;margin:0 1.5rem 1.5rem 0}svg{max-width:100%;height:auto}`

/** `title`, `heading` and `lead` are text, `body` is HTML. */
export function htmlPage({ title, heading, lead, body }: { title: string; heading: string; lead: string; body: string }): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title>
<style>${style}</style></head><body>
<h1>${escaped(heading)}</h1>
<p>${escaped(lead)}</p>
${body}
</body></html>
`
}
