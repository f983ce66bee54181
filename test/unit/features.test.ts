import { describe, expect, it } from 'vitest'
import { featureNames, featureSetHash, features, indexOf, width } from '../../models/fold/features.ts'

describe('the registry of features', () => {
  it('names each once, with a unit and a meaning', () => {
    expect(new Set(featureNames).size).toBe(width)
    for (const f of features) {
      expect(f.name).toMatch(/^[a-z][a-z0-9_]*$/)
      expect(f.unit).not.toBe('')
      expect(f.meaning).not.toBe('')
    }
  })

  it('has a hash of 16 hex characters, and fits into a row', () => {
    expect(featureSetHash).toMatch(/^[0-9a-f]{16}$/)
    expect(width * 4).toBeLessThanOrEqual(1024)
  })

  it('gives the place of a name, and refuses one that does not exist', () => {
    expect(featureNames[indexOf('speed')]).toBe('speed')
    expect(() => indexOf('moon_phase')).toThrow('moon_phase')
  })
})
