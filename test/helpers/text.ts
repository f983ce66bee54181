import fc from 'fast-check'

const character = fc
  .oneof(fc.nat(0x7f), fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map((point) => String.fromCodePoint(point))

/** Texts of any characters. fast-check's own of unit `binary` makes a table of all of them first, which takes seconds. */
export const anyText = (lengths: { minLength?: number; maxLength?: number } = {}) => fc.string({ ...lengths, unit: character })
