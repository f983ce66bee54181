// First, since every part's style stands on these.
import './tokens.css'
import './base.css'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { ProblemError } from './shared/client.ts'

const queryClient = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 2000, retry: (failures, error) => failures < 3 && !(error instanceof ProblemError && error.status < 500) },
  },
})

const root = document.getElementById('root')
if (!root) throw new Error('the page has no #root')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
)
