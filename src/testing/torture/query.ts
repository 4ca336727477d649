import { DataFrame } from '../../api/data-frame.ts'
import { WalkwaySession } from '../../api/session.ts'
import { XorShiftRandom } from '../../base/random.ts'
import { parseSchema } from '../../expression/parse-type.ts'
import type { EpochMode } from '../../operator/epoch-policy.ts'
import type { OutputMode } from '../../plan/logical-plan.ts'
import type { StructType } from '../../record/data-type.ts'
import type { UserRow } from '../../record/user-value.ts'
import type { EpochResult, ScenarioEpoch } from './scenario.ts'
import { torture } from './torture.ts'

/** A program under torture: what comes in, and what it does with it. */
export interface QueryScenario {
  readonly schema: string | StructType
  /**
   * One chain of operators over `events`, or over a join or union of streams made from it that have no state themselves. Each use of
   * `events` is a source of its own: `sources` of an epoch says which one a row is of. Tables that it joins are made with
   * `session.createDataFrame`.
   */
  readonly query: (events: DataFrame, session: WalkwaySession) => DataFrame
  readonly outputMode: OutputMode
  /** The rows of each epoch, and its mode. An epoch of mode `batch` must be the only one. */
  readonly epochs: readonly ScenarioEpoch[]
}

/**
 * Runs a program undisturbed, and again with an output of one slot that is full every other call, with steps of a row or two, with its
 * state through a checkpoint into new operators after every step, as objects and as records, optimized and not. Returns what each epoch
 * put out; throws an Error that shows the first difference. Synchronous: no thread, no disk, no clock.
 */
export const tortureQuery = ({ schema, query, outputMode, epochs }: QueryScenario): EpochResult[] => {
  const session = WalkwaySession.builder().master('inline').create()
  const events = new DataFrame(
    {
      kind: 'source',
      id: '0',
      format: 'memory',
      options: {},
      schema: typeof schema === 'string' ? parseSchema(schema) : schema,
      streaming: epochs[0]?.mode !== 'batch',
    },
    session,
  )
  return torture({ plan: query(events, session).plan, outputMode, epochs })
}

/** Cuts rows into epochs at random borders, some of them empty, each of one of the modes. The same for the same seed. */
export const randomEpochs = (
  rows: readonly UserRow[],
  { seed, modes = ['microBatch', 'realTime'] }: { readonly seed: number; readonly modes?: readonly EpochMode[] },
): ScenarioEpoch[] => {
  const random = new XorShiftRandom(seed)
  const below = (limit: number): number => Math.floor(random.nextDouble() * limit)
  const borders = Array.from({ length: below(6) }, () => below(rows.length + 1)).sort((a, b) => a - b)
  return [0, ...borders].map((from, i) => ({ mode: modes[below(modes.length)], rows: rows.slice(from, borders[i] ?? rows.length) }))
}
