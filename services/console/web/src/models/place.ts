/** The version that the address names, and the one that it is held against. */
export type Place = { version: number | undefined; other: number | undefined }

export function readPlace(hash: string): Place {
  const [, version, other] = /^#\/models(?:\/(\d+))?(?:\/(\d+))?$/.exec(hash) ?? []
  return { version: version ? Number(version) : undefined, other: other ? Number(other) : undefined }
}

/** Where the runs of training are shown. */
export const runsAddress = '#/models/runs'

export const addressOf = (version: number, other?: number): string => `#/models/${version}${other === undefined ? '' : `/${other}`}`
