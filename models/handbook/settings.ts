/** The two settings in which the handbook's data is learnt, with the choices that `--search` wrote. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type FeatureProfile, readFeatureProfile } from '../columns/feature-profile.ts'
import { configOf, type TrainConfig } from '../training/config.ts'

/** `trainDays` long, on the features of a profile. */
type Setting = { profile: string; trainDays: number; training: TrainConfig }
export type Settings = Record<'handbook15_7d' | 'own_56d', Setting>

const place = new URL('./config.json', import.meta.url)

/** The bytes of the committed choices. */
export const settingsBytes = (): Buffer => readFileSync(place)

export function readSettings(): Settings {
  const settings = JSON.parse(settingsBytes().toString()) as Settings
  for (const setting of Object.values(settings)) setting.training = configOf(setting.training)
  return settings
}

export function writeSettings(settings: Settings): void {
  // Lists of numbers in one line, as this repository's formatter has them.
  const text = JSON.stringify(settings, null, 2).replace(/\[[\d,\s]+\]/g, (list) => JSON.stringify(JSON.parse(list)).replaceAll(',', ', '))
  writeFileSync(place, `${text}\n`)
}

export const profileOf = ({ profile }: Setting): FeatureProfile =>
  readFeatureProfile(fileURLToPath(new URL(`../columns/profiles/${profile}.json`, import.meta.url)))
