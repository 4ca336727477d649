import { DataFrame } from '../../api/data-frame.ts'
import { WalkwaySession } from '../../api/session.ts'
import { parseSchema } from '../../expression/parse-type.ts'
import { analyze } from '../../plan/analyze.ts'
import type { OutputMode } from '../../plan/logical-plan.ts'
import { optimize } from '../../plan/optimize.ts'
import { planPhysical } from '../../plan/physical-plan.ts'
import type { ColumnBatch } from '../../record/column-batch.ts'
import type { StructType } from '../../record/data-type.ts'
import type { UserRow } from '../../record/user-value.ts'
import { BenchChain, type BenchMode } from './bench-chain.ts'
import { type Garbage, GarbageMeter } from './garbage.ts'
import { laterRows } from './later-rows.ts'
import { PreparedColumns } from './prepared-columns.ts'
import { type Spread, spreadOf } from './statistics.ts'

/** What is measured: a chain of operators over given rows, and perhaps the same by hand. */
export interface BenchSpec {
  readonly schema: string | StructType
  /** What comes in, again and again. Times move on from pass to pass if the program has a watermark. Some thousand rows measure best. */
  readonly rows: readonly UserRow[]
  /** One chain of operators over `events`, without a union. Tables that it joins are made with `session.createDataFrame`. */
  readonly query: (events: DataFrame, session: WalkwaySession) => DataFrame
  /** `update` unless given. */
  readonly outputMode?: OutputMode
  /** `realTime` unless given: one epoch without an end. `microBatch`: one for each pass over the rows, and its end is measured, too. */
  readonly mode?: BenchMode
  /**
   * How rows come in: as `records`, as from another task, from Kafka or from files (unless given); as `columns`, as from a ColumnReader, by
   * bursts of as many as a task reads at once; or as `objects`, as pushed by a program. Encoding records and filling columns is not measured.
   */
  readonly input?: 'records' | 'columns' | 'objects'
  /**
   * A loop over the same rows, to compare with: as objects, or all as one batch of columns, row `i` of it being `rows[i]`. What it returns is
   * kept, so that no compiler leaves the work out.
   */
  readonly byHand?: (rows: readonly UserRow[], columns: ColumnBatch) => unknown
  /** Looks at what the first pass over all rows put out; throws if it is wrong. */
  readonly check?: (rows: readonly UserRow[]) => void
  /** Events of one round, at least; 200,000 unless given. */
  readonly events?: number
  /** Measured rounds, after two of warm-up; 7 unless given. */
  readonly rounds?: number
}

/** What one of the two cost. */
export interface BenchCost {
  readonly nanosPerEvent: Spread
  /** On V8's heap. State and records live in typed arrays outside of it. NaN: collections came too often to tell. */
  readonly bytesPerEvent: number
  readonly youngCollectionsPerMillion: number
}

/** What was measured; `benchText` prints it. */
export interface BenchResult {
  readonly warm: BenchCost
  /** Nanos an event over the first thousand after the program was compiled: nothing is optimized yet. */
  readonly coldNanosPerEvent: number
  /** From the plan to the function. */
  readonly compileMillis: number
  /** Characters of generated code. */
  readonly codeLength: number
  readonly rowsOutPerEvent: number
  readonly byHand: BenchCost | null
}

const COLD_EVENTS = 1000
const WARMUPS = 2

/**
 * Measures what a chain of operators costs: time and garbage an event, cold and warm, beside a loop by hand over the same rows, the two in
 * turn. It runs in this thread, without source, sink, disk or rings: the generated code, state and watermarks alone. Blocks the thread for
 * seconds; one at a time. Throws the EngineErrors of a program that cannot run, and what `check` throws.
 */
export const bench = async (spec: BenchSpec): Promise<BenchResult> => {
  const { rows, rounds = 7 } = spec
  if (rows.length === 0) throw new Error('bench needs rows')
  const begun = performance.now()
  const chain = compile(spec)
  const compileMillis = performance.now() - begun
  const passes = new Passes(chain, rows)

  const first = rows.slice(0, COLD_EVENTS)
  const coldNanosPerEvent = passes.over(first, work => timed(work)) / first.length
  spec.check?.(check(spec))

  const perRound = Math.max(1, Math.ceil((spec.events ?? 200_000) / rows.length))
  const events = perRound * rows.length
  const byHand = handWork(spec)
  const meters = { engine: new GarbageMeter(), hand: new GarbageMeter() }
  try {
    const nanos = { engine: [] as number[], hand: [] as number[] }
    let before = 0
    for (let round = -WARMUPS; round < rounds; round++) {
      if (round === 0) {
        await meters.engine.take()
        await meters.hand.take()
        before = chain.rowsOut
      }
      let [engine, hand] = [0, 0]
      for (let pass = 0; pass < perRound; pass++) engine += passes.over(rows, work => meters.engine.measure(work, rows.length))
      for (let pass = 0; pass < perRound && byHand !== null; pass++) hand += meters.hand.measure(byHand, rows.length)
      if (round < 0) continue
      nanos.engine.push(engine / events)
      nanos.hand.push(hand / events)
    }
    const total = events * rounds
    return {
      warm: costOf(nanos.engine, await meters.engine.take(), total),
      coldNanosPerEvent,
      compileMillis,
      codeLength: chain.chain.sources.reduce((sum, source) => sum + source.length, 0),
      rowsOutPerEvent: (chain.rowsOut - before) / total,
      byHand: byHand === null ? null : costOf(nanos.hand, await meters.hand.take(), total),
    }
  } finally {
    meters.engine.close()
    meters.hand.close()
  }
}

const schemaOf = ({ schema }: BenchSpec): StructType => (typeof schema === 'string' ? parseSchema(schema) : schema)

const compile = (spec: BenchSpec): BenchChain => {
  const { rows, query, outputMode = 'update', mode = 'realTime', input = 'records' } = spec
  const session = WalkwaySession.builder().master('inline').create()
  const type = schemaOf(spec)
  const events = new DataFrame({ kind: 'source', id: '0', format: 'memory', options: {}, schema: type, streaming: true }, session)
  const plan = optimize(analyze(query(events, session).plan).plan)
  return new BenchChain(planPhysical(plan, 1, outputMode), outputMode, mode, input, rows.length)
}

/** One pass by hand; null if there is none. */
const handWork = (spec: BenchSpec): (() => void) | null => {
  const { rows, byHand } = spec
  if (byHand === undefined) return null
  const columns = new PreparedColumns(schemaOf(spec), rows.length)
  columns.set(rows)
  return () => keep(byHand(rows, columns.batch))
}

/** What a chain of its own puts out for all rows, once. */
const check = (spec: BenchSpec): UserRow[] => {
  const chain = compile(spec)
  chain.prepare(spec.rows)
  return chain.runAndRead()
}

/** Passes over rows. Making them ready, and later where they have event times, is not measured. */
class Passes {
  readonly #chain: BenchChain
  readonly #later: (rows: readonly UserRow[], pass: number) => readonly UserRow[]
  #count = 0
  #prepared: readonly UserRow[] | null = null

  constructor(chain: BenchChain, rows: readonly UserRow[]) {
    this.#chain = chain
    this.#later = chain.isTimed ? laterRows(chain.inputSchema, rows) : rows => rows
  }

  over(rows: readonly UserRow[], measure: (work: () => void) => number): number {
    const current = this.#later(rows, this.#count++)
    if (current !== this.#prepared) this.#chain.prepare(current)
    this.#prepared = current
    return measure(() => this.#chain.run())
  }
}

const timed = (work: () => void): number => {
  const begun = performance.now()
  work()
  return (performance.now() - begun) * 1e6
}

let kept: unknown
const keep = (value: unknown): void => {
  kept = value ?? kept
}

const costOf = (nanos: readonly number[], garbage: Garbage, events: number): BenchCost => ({
  nanosPerEvent: spreadOf(nanos),
  bytesPerEvent: garbage.bytesPerEvent,
  youngCollectionsPerMillion: (garbage.youngCollections * 1e6) / events,
})
