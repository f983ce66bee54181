import { type ReactNode, useEffect, useId, useRef, useState } from 'react'
import './question.css'

type Props = {
  title: string
  meaning: string
  /** What the button that does it says. */
  name: string
  busy: boolean
  error: string | undefined
  onAct: (reason: string) => void
  onClose: () => void
  children?: ReactNode
}

/** Asks whether something should really be done, and why. */
export function Question({ title, meaning, name, busy, error, onAct, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  const [reason, setReason] = useState('')
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} className="question" aria-labelledby={heading} onClose={onClose}>
      <form
        className="fields"
        onSubmit={(event) => {
          event.preventDefault()
          if (!busy) onAct(reason.trim())
        }}
      >
        <h2 id={heading}>{title}</h2>
        <p>{meaning}</p>
        {children}
        <label>
          Reason
          <textarea
            required
            rows={3}
            maxLength={2000}
            placeholder="Why? It is kept beside your name."
            value={reason}
            onChange={(e) => setReason(e.target.value)}
          />
        </label>
        {error !== undefined && (
          <p className="fault" role="alert">
            {error}
          </p>
        )}
        <footer>
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={busy || reason.trim() === ''}>
            {busy ? 'Doing it…' : name}
          </button>
        </footer>
      </form>
    </dialog>
  )
}
