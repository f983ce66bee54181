import { useEffect, useRef } from 'react'
import './help.css'

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

export function Help({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} className="help" onClose={onClose} aria-label="Keyboard shortcuts">
      <h2>Keyboard</h2>
      <dl>
        {keys.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              {key.split(/ +/).map((k) => (
                <kbd key={k}>{k}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  )
}
