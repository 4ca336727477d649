import { Engine } from './engine.ts'
import { missingFeature } from './features.ts'
import type { Case, Mode } from './format.ts'
import { runSteps } from './steps.ts'

export type Outcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'skipped'; readonly why: string }

/** Runs one case in one mode. Never throws: whatever goes wrong is the case's failure. */
export const runCase = async (of: Case, mode: Mode, folder: string, master: string): Promise<Outcome> => {
  const missing = missingFeature(of, mode)
  if (missing !== null) return { kind: 'skipped', why: missing }
  let engine: Engine | null = null
  try {
    engine = new Engine(of, mode, master)
    await runSteps(of, engine, folder)
    return { kind: 'passed' }
  } catch (error) {
    return { kind: 'failed', why: error instanceof Error ? error.message : String(error) }
  } finally {
    await engine?.close().catch(() => {})
  }
}
