/** What requests about models are made of. */
import Type from 'typebox'

export const Version = Type.String({ pattern: '^[1-9]\\d{0,8}$', description: 'The number of a model' })
export const Place = Type.Object({ version: Version }, { additionalProperties: false })
export type Place = Type.Static<typeof Place>

export const reason = Type.String({ minLength: 1, maxLength: 2000, pattern: '\\S', description: 'Why; it is kept' })
export const Why = Type.Object({ reason }, { additionalProperties: false })
