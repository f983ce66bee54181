import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { seesModels } from '../../access.ts'
import type { Me } from '../../api.ts'
import { Desk } from './desk/desk.tsx'
import { Login } from './login.tsx'
import { ModelsDesk } from './models/models-desk.tsx'
import { useHash } from './shared/address.ts'
import { whoAmI } from './shared/client.ts'
import { openLive } from './shared/live.ts'

/** The login, or what is behind it. */
export function App() {
  const session = useQuery({ queryKey: ['session'], queryFn: whoAmI, refetchInterval: 60_000 })
  if (session.isPending) return <div className="splash">Assay</div>
  if (session.isError && !session.data)
    return (
      <div className="splash">
        <p>{session.error.message}</p>
        <button type="button" onClick={() => void session.refetch()}>
          Try again
        </button>
      </div>
    )
  return session.data ? <LiveDesk me={session.data} /> : <Login />
}

function LiveDesk({ me }: { me: Me }) {
  const queryClient = useQueryClient()
  useEffect(() => openLive(queryClient), [queryClient])
  const models = useHash().startsWith('#/models')
  return models && seesModels(me) ? <ModelsDesk me={me} /> : <Desk me={me} />
}
