import { afterAll, describe, expect, test } from 'vitest'
import { CodeBuilder } from '../../src/expression/code-builder.ts'
import type { Bound, Expression } from '../../src/expression/expression.ts'
import { objectReader, objectWriter } from '../../src/expression/object-codec.ts'
import { resolveExpression } from '../../src/expression/resolve.ts'
import type { SplitLimits } from '../../src/expression/split-function.ts'
import { compileChain } from '../../src/operator/chain.ts'
import { ChainState } from '../../src/operator/chain-state.ts'
import { field, type StructType, structType } from '../../src/record/data-type.ts'
import { RecordBuffer } from '../../src/record/record-buffer.ts'
import { RowLayout } from '../../src/record/row-layout.ts'
import { call, col, lit } from '../support/plans.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { randomRow, randomSchema } from '../support/random-rows.ts'

// Goal: a function in parts computes what it computed whole. Method: random chains of filters, windows and projections over random rows by
// seed, compiled whole and with limits so small that almost every statement becomes a function.

const UNCUT: SplitLimits = { from: Number.POSITIVE_INFINITY, part: 0, least: 0 }

const tiny = (random: SeededRandom): SplitLimits => ({ from: 1, part: 40 + random.below(400), least: 1 + random.below(60) })

/** Columns as they are, and what can be computed of a column of any type. */
const randomColumn = (random: SeededRandom, schema: StructType): Expression => {
  const pick = (): Expression => col(random.pick(schema.fields).name)
  const one = pick()
  switch (random.below(6)) {
    case 0:
      return call('isNull', one)
    case 1:
      return call('hash', one, pick())
    case 2:
      return call('coalesce', one, one)
    case 3:
      return call('xxhash64', pick(), one)
    case 4:
      return {
        kind: 'case',
        branches: [0, 1, 2].map(() => ({ when: call('isNotNull', pick()), then: one })),
        otherwise: random.below(2) === 0 ? null : one,
      }
    default:
      return one
  }
}

const project = (columns: readonly Bound[]) => {
  const schema = structType(columns.map(({ type, nullable }, i) => field(`c${i}`, type, nullable)))
  return { kind: 'project', columns, schema } as const
}

const run = (seed: number, cut: boolean): { rows: unknown[]; parts: number } => {
  const random = seededRandom(seed)
  const input = randomSchema(random)
  const first = project(Array.from({ length: 1 + random.below(12) }, () => resolveExpression(randomColumn(random, input), input)))
  const condition = resolveExpression(call('or', call('isNull', col('c0')), call('>', call('hash', col('c0')), lit(-1e9))), first.schema)
  const second = project(
    Array.from({ length: 1 + random.below(8) }, () => resolveExpression(randomColumn(random, first.schema), first.schema)),
  )
  const rows = Array.from({ length: 30 }, () => randomRow(random, input))
  const limits = cut ? tiny(random) : UNCUT
  const source = new RecordBuffer(RowLayout.of(input), 64)
  const write = objectWriter(input)
  for (const row of rows) write(row, source)
  const out = new RecordBuffer(RowLayout.of(second.schema), 64)
  const chain = compileChain({
    name: 'cut',
    input: { kind: 'records', layout: source.layout },
    inputSchema: input,
    ops: [first, { kind: 'filter', condition, schema: first.schema }, second],
    output: { kind: 'records', layout: out.layout, out },
    outputMode: 'append',
    state: new ChainState(0, () => 0),
    tables: new Map(),
    isFull: () => false,
    splitLimits: limits,
  })
  chain.runRecords(source, rows.length)
  const read = objectReader(second.schema)
  const found: unknown[] = []
  for (let p = out.next(); p >= 0; p = out.next()) found.push(read(out, p))
  return { rows: found, parts: chain.sources.join('\n').match(/^function part/gm)?.length ?? 0 }
}

describe('a function in parts', () => {
  const SEEDS = seeds(60)
  let cutCount = 0
  // A chain of a column or two, by two seeds in a hundred, has nothing that is worth a part.
  afterAll(() => void (SEEDS.length < 10 || expect(cutCount).toBeGreaterThan(0.8 * SEEDS.length)))

  test.each(SEEDS)('computes what it computed whole, seed %i', seed => {
    const whole = run(seed, false)
    const cut = run(seed, true)
    expect(whole.parts).toBe(0)
    if (cut.parts > 0) cutCount++
    expect(cut.rows).toEqual(whole.rows)
  })

  test('leaves loops and labels, changes locals from around it, and keeps longs exact', () => {
    const build = (limits: SplitLimits): unknown[] => {
      const cg = new CodeBuilder(limits)
      cg.holds('long', 'big')
      cg.line('const found = []')
      cg.line('let total = 0, seen = false, big = 9007199254740993n')
      cg.open('for (let i = 0; i < 20; i++) {')
      cg.open('label: {')
      cg.line('if (i === 3) break label; found.push(i)')
      cg.line('if (i % 5 === 0) continue; total += i')
      cg.open('for (;;) {')
      cg.line('if (total > 0) break')
      cg.line('break label')
      cg.close()
      cg.line('big = big + 1n')
      cg.line('seen = !seen')
      cg.close()
      cg.line('found.push([total, seen, big])')
      cg.line('if (i === 12) break')
      cg.close()
      cg.line('return found')
      return (cg.build('f', []).call as () => unknown[])()
    }
    expect(build({ from: 1, part: 60, least: 1 })).toEqual(build(UNCUT))
  })
})
