// Replaces the passages of one break while a service's sources are loaded: node --import ./chaos/break-sources.mjs, with CHAOS_EDITS.
import { register } from 'node:module'

register('./break-hook.mjs', import.meta.url, { data: JSON.parse(process.env.CHAOS_EDITS ?? '[]') })
