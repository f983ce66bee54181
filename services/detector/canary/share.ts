import { hashOf } from '../../../models/fold/entry.ts'

/**
 * Whether a canary decides for a customer: by the customer alone, so that it is the same in every batch, at every detector and for every canary.
 * A larger share adds customers and loses none.
 */
export const isOfCanary = (tenant: string, customer: string, share: number): boolean =>
  hashOf(`canary ${tenant}:${customer}`) < share * 2 ** 32
