import type { UserRow } from '../../record/user-value.ts'
import { movesWatermark, runScenario } from './run-scenario.ts'
import { type EpochResult, type RunOptions, type Scenario, undisturbed } from './scenario.ts'

/**
 * Runs a scenario undisturbed, and again in every bad way that we know: an output with one slot that is full every other call, cursors and
 * bursts of a row or two, state that goes through a checkpoint into a new instance after every step, rows as objects, as records and as
 * columns. Each must put out the same rows in each epoch, drop the same ones, and keep as much state. Throws an Error that shows the first
 * difference; returns the undisturbed run.
 *
 * The plan runs without the optimizer too, unless that moves a filter below a watermark: as in Spark, the watermark is another then.
 *
 * In real time a row is late or not by the rows before it in its burst, so bursts are one row in all runs of a scenario that has an epoch
 * in real time.
 */
export const torture = (scenario: Scenario): EpochResult[] => {
  const burstRows = scenario.epochs.some(({ mode }) => mode === 'realTime') ? 1 : undisturbed.burstRows
  const expected = runScenario(scenario, { ...undisturbed, burstRows })
  for (const [name, options] of Object.entries(disturbances(burstRows))) {
    if (!options.optimizes && movesWatermark(scenario)) continue
    let found: EpochResult[]
    try {
      found = runScenario(scenario, options)
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
    compare(name, expected, found)
  }
  return expected
}

const disturbances = (burstRows: number): Record<string, RunOptions> => {
  const tiny = { burstRows: Math.min(2, burstRows), cursorRows: 1, sealRows: 1 }
  const base: RunOptions = { ...undisturbed, burstRows }
  return {
    'as records': { ...base, input: 'records', output: 'records' },
    'as columns': { ...base, input: 'columns' },
    'not optimized': { ...base, optimizes: false },
    'one slot, tiny steps': { ...base, ...tiny, oneSlot: true },
    'one slot, records': { ...base, burstRows, cursorRows: 3, oneSlot: true, input: 'records', output: 'records' },
    'one slot, columns': { ...base, burstRows, cursorRows: 3, oneSlot: true, input: 'columns', output: 'records' },
    'restored after every step, columns': { ...base, ...tiny, restores: true, input: 'columns', output: 'records' },
    'restored after every step': { ...base, ...tiny, restores: true, input: 'records' },
    'restored after every step, one slot': { ...base, ...tiny, cursorRows: 2, oneSlot: true, restores: true, output: 'records' },
  }
}

const compare = (name: string, expected: readonly EpochResult[], found: readonly EpochResult[]): void => {
  for (const [i, result] of expected.entries()) {
    const other = found[i]
    for (const what of ['late', 'duplicates', 'stateRows'] as const) {
      if (result[what] !== other[what]) throw new Error(`${name}: epoch ${i}: ${what}: ${other[what]} instead of ${result[what]}`)
    }
    const [missing, extra] = [without(result.rows, other.rows), without(other.rows, result.rows)]
    if (missing.length === 0 && extra.length === 0) continue
    throw new Error(`${name}: epoch ${i}: missing ${missing.slice(0, 5).join(' ')}; instead ${extra.slice(0, 5).join(' ')}`)
  }
}

/** Rows of the first list, as text, that the second does not have, each as often as it stands. */
const without = (rows: readonly UserRow[], others: readonly UserRow[]): string[] => {
  const counts = new Map<string, number>()
  for (const row of others) counts.set(rowText(row), (counts.get(rowText(row)) ?? 0) + 1)
  return rows.map(rowText).filter(text => {
    const count = counts.get(text) ?? 0
    counts.set(text, count - 1)
    return count <= 0
  })
}

/** A row as text that tells every two values apart that a user could. */
export const rowText = (row: UserRow): string =>
  JSON.stringify(row, (_key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) return Object.is(value, -0) ? '-0' : String(value)
    return value instanceof Uint8Array ? `0x${Buffer.from(value).toString('hex')}` : value
  })
