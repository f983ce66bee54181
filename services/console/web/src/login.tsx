import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { login } from './shared/client.ts'
import { Logo } from './shared/logo.tsx'
import './login.css'

export function Login() {
  const queryClient = useQueryClient()
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const first = useRef<HTMLInputElement>(null)
  useEffect(() => first.current?.focus(), [])
  const attempt = useMutation({
    mutationFn: () => login(name.trim(), password),
    onSuccess: (me) => queryClient.setQueryData(['session'], me),
  })
  return (
    <main className="login">
      <form
        className="fields"
        onSubmit={(event) => {
          event.preventDefault()
          attempt.mutate()
        }}
      >
        <h1>
          <Logo /> Assay
        </h1>
        <p className="quiet">Real-time fraud detection</p>
        <label>
          Name
          <input
            ref={first}
            name="name"
            value={name}
            onChange={(e) => setName(e.target.value)}
            autoComplete="username"
            autoCapitalize="none"
            required
          />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            value={password}
            onChange={(e) => setPassword(e.target.value)}
            autoComplete="current-password"
            required
          />
        </label>
        <button type="submit" className="primary" disabled={attempt.isPending}>
          {attempt.isPending ? 'Logging in…' : 'Log in'}
        </button>
        <p role="alert" className="fault">
          {attempt.error?.message}
        </p>
      </form>
    </main>
  )
}
