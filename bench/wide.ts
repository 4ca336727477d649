import type { Expression } from '../dist/expression/expression.js'
import { field, structType } from '../dist/record/data-type.js'
import { nanosPerCall, Projection } from './engine/projection.ts'
import type { Benchmark, Figures } from './kit/benchmark.ts'

const ROWS = 256
const INPUTS = 50

const schemaOf = (columns: number) => structType(Array.from({ length: columns }, (_, i) => field(`c${i}`, { kind: 'double' }, false)))
const rowsOf = (columns: number) =>
  Array.from({ length: ROWS }, (_, r) => Object.fromEntries(Array.from({ length: columns }, (_, i) => [`c${i}`, r + i])))
const column = (i: number): Expression => ({ kind: 'column', name: `c${i}` })
const call = (name: string, ...args: Expression[]): Expression => ({ kind: 'call', name, args })

/** `c3 * 4.0 + c18` and so on, all different. */
const expressionOf = (i: number): Expression =>
  call('+', call('*', column(i % INPUTS), { kind: 'literal', value: i, type: { kind: 'double' } }), column((i * 7 + 3) % INPUTS))
const answerOf = (r: number, i: number): number => (r + (i % INPUTS)) * i + (r + ((i * 7 + 3) % INPUTS))

/** Rows of very many columns, against rows of few: V8 does not optimise functions beyond some size, so ours must not get there. */
export const wide: Benchmark = {
  name: 'wide',
  question: 'What does one of 500 or 2,000 columns cost, against one of 50?',
  rounds: 3,
  warmups: 0,
  marks: { expressions2000Against50: { atMost: 2 }, columns500Against50: { atMost: 2 } },
  run: async size => {
    const seconds = size === 'full' ? 4 : 0.05
    const figures: Record<string, number> = {}
    for (const count of [50, 500, 2000]) {
      const projection = new Projection(
        schemaOf(INPUTS),
        rowsOf(INPUTS),
        Array.from({ length: count }, (_, i) => expressionOf(i)),
      )
      const wrong = compare(projection, count, answerOf)
      if (wrong !== null) return { wrong, figures: {} }
      figures[`expression${count}Nanos`] = nanosPerCall(() => projection.run(), 1, seconds) / (ROWS * count)
    }
    for (const count of [50, 500]) {
      const projection = new Projection(
        schemaOf(count),
        rowsOf(count),
        Array.from({ length: count }, (_, i) => column(i)),
      )
      const wrong = compare(projection, count, (r, i) => r + i)
      if (wrong !== null) return { wrong, figures: {} }
      figures[`column${count}Nanos`] = nanosPerCall(() => projection.run(), 1, seconds) / (ROWS * count)
    }
    figures.expressions500Against50 = figures.expression500Nanos / figures.expression50Nanos
    figures.expressions2000Against50 = figures.expression2000Nanos / figures.expression50Nanos
    figures.columns500Against50 = figures.column500Nanos / figures.column50Nanos
    return { wrong: null, figures: figures satisfies Figures }
  },
}

const compare = (projection: Projection, count: number, expected: (row: number, column: number) => number): string | null => {
  for (const [r, row] of projection.answers().entries()) {
    for (let i = 0; i < count; i++) {
      if (row[`e${i}`] !== expected(r, i)) return `row ${r}, column ${i} of ${count} is ${row[`e${i}`]}: expected ${expected(r, i)}`
    }
  }
  return null
}
