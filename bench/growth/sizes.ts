/** How large the parts are: as they are typed, and for a look that takes a minute or two. */
import type { Sizes } from './growth.ts'

export type Given = { rows: readonly number[]; customers: readonly number[]; transactions: number; runs: number; soak: number }

/** `transactions` are those of each backlog. Of customers with ten transactions each so many are met, in steps; a hundred thousand more have fifty. */
export const sizesOf = ({ rows, customers, transactions, runs, soak }: Given): Sizes => ({
  storage: { decided: 200_000, rows: 1_000_000, customers: 40_000 },
  restart: { runs: Math.max(3, runs) },
  redis: { each: 1000, seldom: 3 },
  memory: [
    { customers, each: 10, decided: 100_000 },
    { customers: [Math.min(100_000, Math.max(...customers))], each: 50, decided: 100_000 },
  ],
  heavy: { each: [10, 100, 1000, 10_000, 100_000], decided: 100_000, backlog: 5000 },
  rows: { rows, decided: 200_000, customers: 40_000, backlog: transactions, runs },
  soak: { minutes: soak, secondsEach: 60, customers: 200_000, backlog: 100_000 },
})

export const quickSizes: Sizes = {
  storage: { decided: 2000, rows: 10_000, customers: 400 },
  restart: { runs: 1 },
  redis: { each: 50, seldom: 3 },
  memory: [{ customers: [500, 1000], each: 5, decided: 2000 }],
  heavy: { each: [10, 1000], decided: 2000, backlog: 500 },
  rows: { rows: [0, 10_000], decided: 2000, customers: 400, backlog: 2000, runs: 1 },
  soak: { minutes: 5, secondsEach: 2, customers: 2000, backlog: 4000 },
}
