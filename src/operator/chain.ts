import { cachedAccessor } from '../expression/cached-accessor.ts'
import { CodeBuilder } from '../expression/code-builder.ts'
import { columnAccessor } from '../expression/column-accessor.ts'
import { objectAccessor } from '../expression/object-accessor.ts'
import { recordAccessor, VIEW_NAMES } from '../expression/record-accessor.ts'
import type { RowAccessor } from '../expression/value.ts'
import { upstreamOf } from '../plan/physical-plan.ts'
import { type BurstLocals, emitBurstLocals } from './aggregate.ts'
import { emitOutput } from './chain-output.ts'
import type { ChainSpec } from './chain-spec.ts'
import { ARRIVAL, EARLIEST, ROWS_IN } from './chain-state.ts'
import { isShort, readTwice, type Way, watermarkIndex, waysFrom } from './chain-ways.ts'
import { makeContext } from './compile-context.ts'
import { Deduplicate } from './deduplicate.ts'
import { Limit } from './limit.ts'
import { isGroupOperator, type MaybeOperator, makeOperator } from './make-operator.ts'
import { emitFilter, emitProject } from './narrow.ts'
import type { OpContext } from './op-context.ts'
import type { StatefulOperator } from './stateful.ts'
import { StreamJoin } from './stream-join.ts'
import { emitTableJoin } from './table-join.ts'
import { emitWatermark } from './watermark.ts'
import { emitExpandWindow } from './window.ts'

/** What a burst reads from: a ring or a record buffer. */
export interface RecordInput {
  next(): number
}

export interface CompiledChain {
  /** Processes up to `budget` rows, fewer when the input ends or the output is full. Returns how many. */
  readonly runRecords: (input: RecordInput, budget: number) => number
  /** Processes `rows[from..to)`; returns the index of the first row that it left because the output was full. */
  readonly runObjects: (rows: readonly Record<string, unknown>[], from: number, to: number) => number
  /** The same for the rows of the batch for which the chain was made. */
  readonly runColumns: (from: number, to: number) => number
  readonly operators: readonly StatefulOperator[]
  /** The generated functions, for `explain('codegen')`. */
  readonly sources: readonly string[]
}

/**
 * Compiles a chain of operators to JavaScript. The burst loop stands inside the generated function; a function ends where a stateful
 * operator begins, and what follows that operator is a second function, which reads a group in place in the arena. They are generated from
 * the end of the chain on. Where rows go several ways, the code for each way follows that for the one before, for the same row.
 */
export const compileChain = (spec: ChainSpec): CompiledChain => {
  const operators = spec.ops.map(op => makeOperator(op, spec))
  const sources: string[] = []
  for (let i = spec.ops.length - 1; i >= 0; i--) {
    const operator = operators[i]
    if (!isGroupOperator(operator) && !(operator instanceof StreamJoin)) continue
    const cg = new CodeBuilder(spec.splitLimits)
    const c = begin(cg, spec)
    const locals = emitLocals(cg, spec, operators, i)
    const next = (row: RowAccessor, skip: string): void => emitAfter(c, spec, operators, locals, i, row, skip)
    const name = `${spec.name}_emit${operator.operatorId}`
    if (isGroupOperator(operator)) {
      operator.emitGroup(c, 'handle', next)
      const made = cg.build(name, ['handle'])
      operator.emit = made.call as (handle: number) => void
      sources.unshift(made.source)
    } else {
      operator.emitPair(c, next)
      const made = cg.build(name, ['left', 'right'])
      operator.pair = made.call as (left: number, right: number) => void
      sources.unshift(made.source)
    }
  }
  const head = compileHead(spec, operators)
  sources.unshift(head.source)
  const refuse = (): never => {
    throw new Error('this chain reads another kind of rows')
  }
  return {
    runRecords: spec.input.kind === 'records' ? (head.call as CompiledChain['runRecords']) : refuse,
    runObjects: spec.input.kind === 'objects' ? (head.call as CompiledChain['runObjects']) : refuse,
    runColumns: spec.input.kind === 'columns' ? (head.call as CompiledChain['runColumns']) : refuse,
    operators: operators.filter(operator => operator !== null),
    sources,
  }
}

const compileHead = (spec: ChainSpec, operators: readonly MaybeOperator[]) => {
  const cg = new CodeBuilder(spec.splitLimits)
  const c = begin(cg, spec)
  const locals = emitLocals(cg, spec, operators, -1)
  const state = cg.constant(spec.state)
  const arrives = (micros: string): void => {
    const arrival = `${c.registers}[${ARRIVAL}]`
    cg.line(`${arrival} = ${micros}`)
    // Only an operator that gathers groups holds rows back until the epoch's end.
    if (operators.some(isGroupOperator)) cg.line(`if (${arrival} < ${c.registers}[${EARLIEST}]) ${c.registers}[${EARLIEST}] = ${arrival}`)
  }
  if (spec.input.kind === 'columns') {
    const { batch } = spec.input
    cg.line('let i = from')
    cg.open(`while (i < to && !${state}.outputFull) {`)
    cg.line('const at = i++')
    if (batch.arrivals !== null) arrives(`${cg.constant(batch.arrivals, 'c')}[at]`)
    emitAfter(c, spec, operators, locals, -1, columnAccessor(cg, batch, 'at'), 'continue')
    cg.close()
    cg.line(`${c.registers}[${ROWS_IN}] += i - from`)
    cg.line('return i')
    return cg.build(`${spec.name}_columns`, ['from', 'to'])
  }
  if (spec.input.kind === 'objects') {
    cg.line('let i = from')
    cg.open(`while (i < to && !${state}.outputFull) {`)
    cg.line('const row = rows[i++]')
    const row = objectAccessor(cg, spec.inputSchema, 'row')
    emitAfter(c, spec, operators, locals, -1, row, 'continue')
    cg.close()
    cg.line(`${c.registers}[${ROWS_IN}] += i - from`)
    cg.line('return i')
    return cg.build(`${spec.name}_objects`, ['rows', 'from', 'to'])
  }
  cg.line('const { u8, i16, u16, i32, f32, f64, i64 } = input')
  cg.line('let n = 0, p = 0')
  cg.open(`while (n < budget && !${state}.outputFull && (p = input.next()) >= 0) {`)
  cg.line('n++')
  arrives('f64[(p >> 3) - 1]')
  emitAfter(c, spec, operators, locals, -1, recordAccessor(cg, spec.input.layout, VIEW_NAMES, 'p'), 'continue')
  cg.close()
  cg.line(`${c.registers}[${ROWS_IN}] += n`)
  cg.line('return n')
  return cg.build(`${spec.name}_records`, ['input', 'budget'])
}

const begin = (cg: CodeBuilder, spec: ChainSpec): OpContext => {
  const registers = cg.constant(spec.state.registers, 'R')
  return { cg, compile: makeContext(cg, spec.state), state: spec.state, registers }
}

/** The stateful operators that a function starting behind `after` reaches: on each way up to and including the first aggregate. */
const emitLocals = (
  cg: CodeBuilder,
  spec: ChainSpec,
  operators: readonly MaybeOperator[],
  after: number,
  locals = new Map<number, BurstLocals>(),
): Map<number, BurstLocals> => {
  for (const way of waysFrom(spec, after)) {
    if (typeof way !== 'number') continue
    const operator = operators[way]
    if (operator !== null) locals.set(way, emitBurstLocals(cg, operator))
    if (!isGroupOperator(operator)) emitLocals(cg, spec, operators, way, locals)
  }
  return locals
}

/** What follows an operator: all ways that its rows go, one after another. A row that one way abandons goes on in the next. */
const emitAfter = (
  c: OpContext,
  spec: ChainSpec,
  operators: readonly MaybeOperator[],
  locals: ReadonlyMap<number, BurstLocals>,
  after: number,
  row: RowAccessor,
  skip: string,
): void => {
  const ways = waysFrom(spec, after)
  const emitWay = (way: Way, wayRow: RowAccessor, skipWay: string): void =>
    typeof way === 'number' ? emitOperator(c, spec, operators, locals, way, wayRow, skipWay) : emitOutput(c, way, wayRow)
  // What several ways read is read before them: what is read in the block of one is only there.
  if (ways.length > 1) for (const ordinal of readTwice(spec, ways)) row.column(ordinal)
  for (const way of ways.slice(0, -1)) {
    const label = c.cg.fresh('way')
    c.cg.open(`${label}: {`)
    emitWay(
      way,
      cachedAccessor(c.cg, ordinal => row.column(ordinal)),
      `break ${label}`,
    )
    c.cg.close()
  }
  const last = ways.at(-1)
  if (last !== undefined) emitWay(last, row, skip)
}

const emitOperator = (
  c: OpContext,
  spec: ChainSpec,
  operators: readonly MaybeOperator[],
  locals: ReadonlyMap<number, BurstLocals>,
  index: number,
  row: RowAccessor,
  skip: string,
): void => {
  const op = spec.ops[index]
  const operator = operators[index]
  const burst = locals.get(index)
  const upstream = upstreamOf(spec.ops, index)
  const input = upstream < 0 ? spec.inputSchema : spec.ops[upstream].schema
  const next = (nextRow: RowAccessor, nextSkip: string): void => emitAfter(c, spec, operators, locals, index, nextRow, nextSkip)
  switch (op.kind) {
    case 'filter':
      emitFilter(c, op.condition, row, skip, next)
      return
    case 'project':
      emitProject(c, op.columns, row, skip, next)
      return
    case 'watermark':
      emitWatermark(c, watermarkIndex(spec, index), op.time, row, skip, next)
      return
    case 'expandWindow':
      emitExpandWindow(c, op, input, row, skip, next)
      return
    case 'tableJoin': {
      const table = spec.tables.get(op.tableId)
      if (table === undefined) throw new Error(`table ${op.tableId} was not loaded`)
      emitTableJoin(c, op, input, table, row, skip, next)
      return
    }
    case 'aggregate':
    case 'sort':
      if (!isGroupOperator(operator) || burst === undefined) break
      operator.emitRow(c, row, skip, burst, isShort(spec, index) ? next : null)
      return
    case 'deduplicate':
    case 'markDistinct':
      if (!(operator instanceof Deduplicate) || burst === undefined) break
      operator.emitRow(c, row, skip, burst, next)
      return
    case 'streamJoin':
      if (!(operator instanceof StreamJoin) || burst === undefined) break
      operator.emitRow(c, row, burst, next, skip)
      return
    case 'limit':
      if (!(operator instanceof Limit) || burst === undefined) break
      operator.emitRow(c, row, skip, burst, next)
      return
    default:
      op satisfies never
  }
  throw new Error(`the operator ${op.kind} cannot be compiled`)
}
