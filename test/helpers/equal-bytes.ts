import { expect } from 'vitest'

/** Bytes are compared as bytes: one by one, as objects, those of a model take seconds. */
expect.addEqualityTesters([(a, b) => (a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) === 0 : undefined)])
