import { useMutation } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { CaseDetail, Disposition } from '../../../api.ts'
import { giveVerdict } from '../shared/client.ts'
import { useKeys } from '../shared/keys.ts'
import { Key } from '../shared/marks.tsx'
import './verdict.css'

const choices: { value: Disposition; name: string; key: string; meaning: string }[] = [
  { value: 'fraud', name: 'Fraud', key: '1', meaning: 'The customer did not do this. The model learns from it.' },
  { value: 'genuine', name: 'Genuine', key: '2', meaning: 'The customer did this. The model learns from it.' },
  { value: 'inconclusive', name: 'Inconclusive', key: '3', meaning: 'Nobody can say. The model does not learn from it.' },
]

type Props = { case: CaseDetail; onSettled: () => Promise<unknown>; onJudged: () => void }

/** Two steps, choose and confirm: a verdict cannot be taken back here. */
export function Verdict({ case: c, onSettled, onJudged }: Props) {
  const [chosen, setChosen] = useState<Disposition>()
  const [note, setNote] = useState('')
  const field = useRef<HTMLTextAreaElement>(null)
  const give = useMutation({
    mutationFn: (disposition: Disposition) => giveVerdict(c.tenant, c.id, disposition, note.trim()),
    onSuccess: onJudged,
    onSettled,
  })
  const choose = (value: Disposition) => {
    setChosen(value)
    field.current?.focus()
  }
  const confirm = () => {
    if (chosen && !give.isPending) give.mutate(chosen)
  }
  useKeys({ '1': () => choose('fraud'), '2': () => choose('genuine'), '3': () => choose('inconclusive') })
  const meaning = choices.find((choice) => choice.value === chosen)?.meaning

  return (
    <form
      className="verdict"
      aria-label="Verdict"
      onSubmit={(event) => {
        event.preventDefault()
        confirm()
      }}
    >
      <fieldset className="choices">
        <legend>Verdict</legend>
        {choices.map(({ value, name, key }) => (
          <button
            key={value}
            type="button"
            className={`choice verdict-${value}`}
            aria-pressed={chosen === value}
            onClick={() => choose(value)}
          >
            {name} <Key>{key}</Key>
          </button>
        ))}
      </fieldset>
      <textarea
        ref={field}
        aria-label="Note"
        placeholder="Why? A note for whoever asks later."
        rows={2}
        maxLength={2000}
        value={note}
        onChange={(e) => setNote(e.target.value)}
        onKeyDown={(e) => {
          if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) {
            e.preventDefault()
            confirm()
          } else if (e.key === 'Escape') {
            setChosen(undefined)
            e.currentTarget.blur()
          }
        }}
      />
      <button type="submit" className="primary" disabled={!chosen || give.isPending}>
        {give.isPending ? 'Saving…' : chosen ? `Close as ${chosen}` : 'Choose a verdict'}
      </button>
      <p className={give.error ? 'fault' : 'quiet'} role={give.error ? 'alert' : undefined}>
        {give.error?.message ?? meaning ?? ''}
      </p>
    </form>
  )
}
