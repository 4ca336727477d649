import { expect, test } from 'vitest'
import { objectReader, objectWriter } from '../../src/expression/object-codec.ts'
import { col, type DataFrame, lit, max, WalkwaySession, window } from '../../src/index.ts'
import { type CompiledChain, compileChain } from '../../src/operator/chain.ts'
import type { ChainOutput, RecordOutput } from '../../src/operator/chain-output.ts'
import { ChainState } from '../../src/operator/chain-state.ts'
import { analyze } from '../../src/plan/analyze.ts'
import { numberSources } from '../../src/plan/number-sources.ts'
import { optimize } from '../../src/plan/optimize.ts'
import { planPhysical, type Stage } from '../../src/plan/physical-plan.ts'
import { shareParts } from '../../src/plan/share-parts.ts'
import { RecordBuffer } from '../../src/record/record-buffer.ts'
import { RowLayout } from '../../src/record/row-layout.ts'
import type { UserRow } from '../../src/record/user-value.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'

// Goal: a chain whose rows go several ways puts out on each way what a chain of that way alone does, though each of its outputs is full
// again and again, in the middle of a row, and though its function is cut in parts. Method: random ways over random rows, side by side.

const session = WalkwaySession.builder().master('inline').create()

const way = (random: SeededRandom, frame: DataFrame): DataFrame => {
  let rows = frame
  for (let i = random.below(3); i > 0; i--) {
    const least = random.below(20)
    rows = random.pick([
      () => rows.filter(col('v').gt(least)),
      () => rows.withColumn('v', col('v').plus(least)),
      () => rows.filter(col('key').isNotNull()),
      () => rows.withColumn('key', lit(`way ${least}`)),
      () => rows.dropDuplicates(['key', 'v']),
    ])()
  }
  const windows = random.pick([true, false])
  return windows
    ? rows.select('id', 'key', 'v', window('at', '2 seconds', '1 second').getField('start').alias('at'))
    : rows.select('id', 'key', 'v', 'at')
}

/** Takes all rows, and says that it is full when it likes. */
class MoodyOutput implements RecordOutput {
  readonly rows: RecordBuffer
  arrivalMicros = 0
  readonly #isFull: () => void
  constructor(layout: RowLayout, isFull: () => void) {
    this.rows = new RecordBuffer(layout)
    this.#isFull = isFull
  }
  get u8() {
    return this.rows.u8
  }
  get i16() {
    return this.rows.i16
  }
  get u16() {
    return this.rows.u16
  }
  get i32() {
    return this.rows.i32
  }
  get f32() {
    return this.rows.f32
  }
  get f64() {
    return this.rows.f64
  }
  get i64() {
    return this.rows.i64
  }
  get preambleOffset() {
    return this.rows.preambleOffset
  }
  claim(bytes: number): number {
    this.#isFull()
    return this.rows.claim(bytes)
  }
  commit(kind: number, bytes: number, hash: number): void {
    this.rows.commit(kind, bytes, hash)
  }
}

/** What a stage that reads the source puts out, by output. */
const run = (stage: Stage, rows: readonly UserRow[], random: SeededRandom, moody: boolean): UserRow[][] => {
  const state = new ChainState(1, () => 0)
  const outs = stage.outputs.map(
    ({ schema }) =>
      new MoodyOutput(RowLayout.of(schema), () => {
        if (moody && random.below(3) === 0) state.outputFull = true
      }),
  )
  const ends = stage.outputs.map(({ after, schema }, i) => {
    const output: ChainOutput = { kind: 'records', layout: RowLayout.of(schema), out: outs[i] }
    return { after, output }
  })
  const input = new RecordBuffer(RowLayout.of(stage.inputSchema))
  const write = objectWriter(stage.inputSchema)
  for (const row of rows) write(row, input)
  const chain: CompiledChain = compileChain({
    name: 'ways',
    input: { kind: 'records', layout: input.layout },
    inputSchema: stage.inputSchema,
    ops: stage.ops,
    output: { kind: 'ends', ends },
    outputMode: 'append',
    state,
    tables: new Map(),
    isFull: () => state.outputFull,
    splitLimits: moody ? { from: 100, part: 200 + random.below(2000), least: 20 } : undefined,
  })
  const policy = { epoch: 0, mode: 'batch' as const, batchTimeMicros: 0, lateMillis: -Infinity, evictMillis: -Infinity }
  for (const operator of chain.operators) operator.beginEpoch(policy)
  for (let steps = 0; input.hasNext(); steps++) {
    if (steps > 100_000) throw new Error('it does not end')
    state.outputFull = false
    chain.runRecords(input, 1 + random.below(10))
  }
  for (const operator of chain.operators)
    for (let steps = 0; !operator.finishEpoch(policy, 1 + random.below(5)); steps++) {
      if (steps > 100_000) throw new Error('it does not end')
      state.outputFull = false
    }
  return outs.map((out, i) => {
    const read = objectReader(stage.outputs[i].schema)
    const found: UserRow[] = []
    for (let p = out.rows.next(); p >= 0; p = out.rows.next()) found.push(read(out.rows, p))
    return found
  })
}

test.each(seeds(40))('each way gives what it gives alone, seed %i', seed => {
  const random = seededRandom(seed)
  const stream = session.memoryStream('id INT, key STRING, at TIMESTAMP, v INT')
  const shared = way(random, stream.toDF()).filter(col('v').lt(28))
  const totals = shared.groupBy('key').agg(max('v').alias('v'), max('id').alias('id'), max('at').alias('at'))
  const common = random.pick([shared, totals.select('id', 'key', 'v', 'at')])
  const ways = Array.from({ length: 2 + random.below(3) }, () => way(random, random.pick([common, common, stream.toDF()])))
  const plan = optimize(analyze(numberSources(ways.reduce((all, each) => all.union(each)).plan)).plan)
  const alone = planPhysical(plan, 1, 'append').stages.filter(({ input }) => input.kind === 'source')
  const together = planPhysical(shareParts(plan), 1, 'append').stages.filter(({ input }) => input.kind === 'source')
  expect([alone.length, together.length]).toEqual([ways.length, 1])
  const rows = Array.from({ length: 60 }, (_, id) => ({
    id,
    key: random.below(5) === 0 ? null : `key ${random.below(4)}`,
    at: new Date(Date.UTC(2024, 0, 1) + random.below(10_000)),
    v: random.below(30),
  }))
  const text = (list: readonly UserRow[][]): string[] =>
    list
      .flat()
      .map(row => JSON.stringify(Object.values(row)))
      .sort()
  const wanted = text(alone.flatMap(stage => run(stage, rows, random, false)))
  expect(text(run(together[0], rows, random, true)), `seed ${seed}`).toEqual(wanted)
  expect(wanted.length).toBeGreaterThan(0)
})
