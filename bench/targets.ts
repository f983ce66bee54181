/** What a bench is to reach, and whether it did. */
export type Target = { name: string; value: number; bound: number; aim: number; best: 'high' | 'low'; met: boolean }

export const atLeast = (name: string, value: number, bound: number, aim: number): Target => ({
  ...{ name, value, bound, aim, best: 'high', met: value >= bound },
})

export const atMost = (name: string, value: number, bound: number, aim: number): Target => ({
  ...{ name, value, bound, aim, best: 'low', met: value <= bound },
})

export const lineOf = ({ name, value, bound, aim, best, met }: Target): string =>
  `${met ? 'met    ' : 'NOT MET'} ${name}: ${value} (at ${best === 'high' ? 'least' : 'most'} ${bound}, aim ${aim})`
