import { CodeBuilder } from '../expression/code-builder.ts'
import { compileExpression, compilePredicate, nullValue } from '../expression/compile.ts'
import type { Bound } from '../expression/expression.ts'
import { keyAccessor } from '../expression/key-accessor.ts'
import { emitKey, emitKeyBytes, type KeyCode } from '../expression/key-emitter.ts'
import { type KeyColumn, layoutKey } from '../expression/key-layout.ts'
import type { RowAccessor, Value } from '../expression/value.ts'
import { valuesAccessor } from '../expression/values-accessor.ts'
import type { JoinSide, StreamJoinType } from '../plan/analyzed-plan.ts'
import { KEY_OFFSET, type KeyedStore, TAG_OFFSET } from '../state/keyed-store.ts'
import type { BurstLocals } from './aggregate.ts'
import type { EntryNames } from './aggregate-code.ts'
import { type JoinLists, LINKS } from './join-lists.ts'
import { emitEntry, emitTouch, endMillis } from './keyed-access.ts'
import { type Consumer, eventTimeMicros, type OpContext, readAll } from './op-context.ts'

export interface StreamJoinSpec {
  readonly operatorId: number
  readonly type: StreamJoinType
  readonly keys: readonly Bound[]
  readonly nullSafe: readonly boolean[]
  readonly timeKey: number | null
  readonly left: JoinSide
  readonly right: JoinSide
  readonly residual: Bound | null
}

export const LEFT = 0
export const RIGHT = 1
/** Scatters numbers that follow one another. */
const NUMBER_FACTOR = 0x9e3779b1
const ROW_NUMBER: KeyColumn = { type: { kind: 'double' }, nullable: false }

/** What generated code asks of the join at run time. */
export interface JoinInFlow {
  /** The watermark that has let rows go: one that comes at or behind it is not kept. */
  readonly evictMillis: number
  readonly inBatches: boolean
  /** Sends a pair downstream, 0 for a row that is not there. */
  readonly pair: (left: number, right: number) => void
  /** Keeps a new entry until the batch ends, out of all buckets and lists of changes. */
  pass(handle: number): void
}

export const sideOf = (spec: StreamJoinSpec, side: number): JoinSide => (side === LEFT ? spec.left : spec.right)

/** The key of an entry: the row's number, the join's keys, the row's columns. */
export const storedTypes = (spec: StreamJoinSpec, side: number): KeyColumn[] => [
  ROW_NUMBER,
  ...[...spec.keys, ...sideOf(spec, side).schema.fields].map(({ type, nullable }) => ({ type, nullable })),
]

/** Generates what a join of two streams does with its rows. */
export class StreamJoinCode {
  readonly #spec: StreamJoinSpec
  readonly #store: KeyedStore
  readonly #lists: JoinLists
  readonly #join: JoinInFlow
  /** The number of the row that came last. */
  readonly #numbers: Float64Array
  /** An entry of nothing but zeros for each side, which a pair without a partner reads. */
  readonly #missing: readonly number[]

  constructor(spec: StreamJoinSpec, store: KeyedStore, lists: JoinLists, join: JoinInFlow, numbers: Float64Array) {
    this.#spec = spec
    this.#store = store
    this.#lists = lists
    this.#join = join
    this.#numbers = numbers
    this.#missing = [LEFT, RIGHT].map(side => this.#allocateMissing(side))
  }

  /** Generates the part of a burst that takes a row of either side in. */
  emitRow(c: OpContext, row: RowAccessor, burst: BurstLocals, next: Consumer, skip: string): void {
    const { cg } = c
    const side = row.column(0)
    if (side.form !== 'scalar') throw new Error('the side of a row is a number')
    cg.open(`if (${side.code} === ${LEFT}) {`)
    this.#emitSide(c, LEFT, row, burst, next, skip)
    cg.close('} else {')
    this.#emitSide(c, RIGHT, row, burst, next, skip)
    cg.close()
  }

  /** Generates the function that sends a pair on, read in place. */
  emitPair(c: OpContext, next: Consumer): void {
    const { cg } = c
    const { type } = this.#spec
    const values = [LEFT, RIGHT].flatMap(side => {
      if (side === RIGHT && type === 'leftSemi') return []
      const handle = side === LEFT ? 'left' : 'right'
      const absent = sideOf(this.#spec, 1 - side).keepsUnmatched ? cg.fresh('absent') : null
      const given = cg.fresh('h')
      cg.line(`let ${given} = ${handle}`)
      if (absent !== null) cg.line(`const ${absent} = ${given} === 0; if (${absent}) ${given} = ${this.#missing[side]}`)
      const columns = this.#storedColumns(c, side, emitEntry(c, this.#store, given, null))
      return absent === null ? columns : columns.map(value => orAbsent(value, absent))
    })
    next(valuesAccessor(values), 'return')
  }

  #stored(c: OpContext, side: number, entry: EntryNames & { at: string }): RowAccessor {
    const views = { u8: entry.u8, i32: entry.i32, f64: entry.f64, i64: entry.i64 }
    return keyAccessor(c.cg, storedTypes(this.#spec, side), views, `(${entry.at} + ${KEY_OFFSET})`)
  }

  #storedColumns(c: OpContext, side: number, entry: EntryNames & { at: string }): Value[] {
    const stored = this.#stored(c, side, entry)
    return sideOf(this.#spec, side).schema.fields.map((_, i) => stored.column(1 + this.#spec.keys.length + i))
  }

  #emitSide(c: OpContext, side: number, row: RowAccessor, burst: BurstLocals, next: Consumer, skip: string): void {
    const { cg } = c
    const { keys, nullSafe, residual, type, timeKey } = this.#spec
    const own = sideOf(this.#spec, side)
    const [self, lists] = [cg.constant(this.#join), cg.constant(this.#lists)]
    if (own.time !== null) {
      const time = compileExpression(cg, own.time, row, c.compile)
      const late = `Math.ceil(${eventTimeMicros(time)} / 1000) <= ${burst.late}`
      cg.line(`if (${time.isNull === 'false' ? '' : `!${time.isNull} && `}${late}) { ${burst.dropped}[0]++; ${skip} }`)
    }
    const columns = readAll(shifted(row, own.first), own.schema)
    const alone = (): Value[] => this.#withNulls(cg, side, columns)
    if (own.condition !== null) {
      cg.open(`if (!(${compilePredicate(cg, own.condition, row, c.compile)})) {`)
      next(valuesAccessor(alone()), skip)
      cg.line(skip)
      cg.close()
    }
    const keyValues = keys.map(key => compileExpression(cg, key, row, c.compile))
    const key = emitKey(cg, keyValues, keys)
    const nulls = keyValues.flatMap(({ isNull }, i) => (nullSafe[i] || isNull === 'false' ? [] : [isNull]))
    const matches = nulls.length === 0 ? 'true' : `!(${nulls.join(' || ')})`
    // A row that equals nothing is kept only for its own sake.
    if (nulls.length > 0 && !own.keepsUnmatched) cg.line(`if (${nulls.join(' || ')}) ${skip}`)
    const head = cg.fresh('head')
    cg.line(`let ${head} = ${matches} ? ${lists}.find(${key.hash}, ${key.buffer}, ${key.length}) : 0`)
    const any = cg.fresh('any')
    const isSemiLeft = type === 'leftSemi' && side === LEFT
    if (isSemiLeft) {
      // Nobody waits for a row that has been put out. In a micro-batch it is kept all the same if its partner came in that batch: which of
      // two threads was first must not show in the state.
      const earlier = cg.fresh('earlier')
      cg.line(`let ${any} = false, ${earlier} = false`)
      this.#emitMatches(c, side, head, columns, residual, other => {
        const tag = `${other.i32}[(${other.at} >> 2) + ${TAG_OFFSET >> 2}]`
        cg.line(`${any} = true; if (!${self}.inBatches || ${tag} !== ${burst.tag}) { ${earlier} = true; break }`)
      })
      cg.open(`if (${earlier}) {`)
      next(valuesAccessor(columns), skip)
      cg.line(skip)
      cg.close()
    }
    const due = cg.fresh('due')
    cg.line(`const ${due} = ${timeKey === null ? this.#boundMillis(c, own, row) : this.#keyMillis(keyValues, timeKey, own)}`)
    // A row that nothing can come for any more meets those that are there and is gone, in a micro-batch with the batch.
    const [keeps, passes] = [cg.fresh('keeps'), cg.fresh('passes')]
    cg.line(`const ${keeps} = ${due} > ${self}.evictMillis, ${passes} = !${keeps} && ${self}.inBatches && ${matches}`)
    const entry = this.#emitInsert(c, side, [...keyValues, ...columns], key, due, keeps)
    cg.open(`if (${keeps}) {`)
    emitTouch(c, cg.constant(this.#store), entry, burst.tracking, burst.tag)
    cg.close(`} else if (${passes}) {`)
    cg.line(`${self}.pass(${entry.handle})`)
    cg.close()
    cg.open(`if (${matches} && (${keeps} || ${passes})) {`)
    cg.line(`if (${head} === 0) ${head} = ${lists}.open(${key.hash}, ${key.buffer}, ${key.length})`)
    cg.line(`${lists}.link(${entry.handle}, ${head}, ${side})`)
    cg.close()
    if (isSemiLeft) {
      cg.line(`if (${any}) { ${entry.i32}[(${entry.value} + ${LINKS.matched}) >> 2] = 1; ${self}.pair(${entry.handle}, 0) }`)
    } else {
      cg.line(`let ${any} = false`)
      this.#emitMatches(c, side, head, columns, residual, other => {
        if (type === 'leftSemi' || sideOf(this.#spec, 1 - side).keepsUnmatched) {
          const matched = `${other.i32}[(${other.value} + ${LINKS.matched}) >> 2]`
          if (type === 'leftSemi') cg.line(`if (${matched} !== 0) continue`)
          cg.open(`if (${matched} === 0) {`)
          emitTouch(c, cg.constant(this.#store), other, burst.tracking, burst.tag, 'markMatched')
          cg.line(`${matched} = 1`)
          cg.close()
        }
        cg.line(`${any} = true`)
        const [l, r] = side === LEFT ? [entry.handle, other.handle] : [other.handle, type === 'leftSemi' ? '0' : entry.handle]
        cg.line(`${self}.pair(${l}, ${r})`)
      })
      if (own.keepsUnmatched) {
        cg.line(`if (${any}) ${entry.i32}[(${entry.value} + ${LINKS.matched}) >> 2] = 1`)
        cg.line(`else if (!${keeps} && !${passes}) ${self}.pair(${side === LEFT ? `${entry.handle}, 0` : `0, ${entry.handle}`})`)
      }
    }
    cg.line(`if (!${keeps} && !${passes}) ${cg.constant(this.#store)}.discard(${entry.handle})`)
  }

  /** A loop over the rows of the other side that match; `found` generates what is done with one. */
  #emitMatches(
    c: OpContext,
    side: number,
    head: string,
    columns: readonly Value[],
    residual: Bound | null,
    found: (other: EntryNames & { at: string }) => void,
  ): void {
    const { cg } = c
    const [other, after] = [cg.fresh('o'), cg.fresh('after')]
    cg.open(
      `for (let ${other} = ${cg.constant(this.#lists)}.first(${head}, ${1 - side}), ${after} = 0; ${other} !== 0; ${other} = ${after}) {`,
    )
    const entry = emitEntry(c, this.#store, other, null)
    cg.line(`${after} = ${entry.i32}[(${entry.value} + ${LINKS.next}) >> 2] >>> 0`)
    if (residual !== null) {
      const theirs = this.#storedColumns(c, 1 - side, entry)
      const pair = side === LEFT ? [...columns, ...theirs] : [...theirs, ...columns]
      cg.line(`if (!(${compilePredicate(cg, residual, valuesAccessor(pair), c.compile)})) continue`)
    }
    found(entry)
    cg.close()
  }

  #emitInsert(
    c: OpContext,
    side: number,
    values: readonly Value[],
    joinKey: KeyCode,
    due: string,
    keeps: string,
  ): EntryNames & { at: string } {
    const { cg } = c
    const number = cg.fresh('number')
    cg.line(`const ${number} = ++${cg.constant(this.#numbers)}[0]`)
    const types = storedTypes(this.#spec, side)
    const rowNumber: Value = { form: 'scalar', type: ROW_NUMBER.type, isNull: 'false', code: number }
    const stored = values.map((value, i) => (types[i + 1].nullable ? value : { ...value, isNull: 'false' as const }))
    const key = emitKeyBytes(cg, [rowNumber, ...stored], types)
    const [handle, hash] = [cg.fresh('h'), cg.fresh('hash')]
    const store = cg.constant(this.#store)
    // The number tells rows apart: no need to hash all columns.
    cg.line(`const ${hash} = Math.imul(${number}, ${NUMBER_FACTOR})`)
    const insert = `${store}.insert(${hash}, ${key.buffer}, 0, ${key.length}, ${due})`
    cg.line(`const ${handle} = ${keeps} ? ${insert} : ${store}.insertLoose(${hash}, ${key.buffer}, 0, ${key.length})`)
    const entry = emitEntry(c, this.#store, handle, key.fixedBytes)
    cg.line(`${entry.i32}[(${entry.value} + ${LINKS.keyHash}) >> 2] = ${joinKey.hash}`)
    cg.line(`${entry.i32}[(${entry.value} + ${LINKS.side}) >> 2] = ${side}`)
    cg.line(`${entry.f64}[(${entry.value} + ${LINKS.due}) >> 3] = ${due}`)
    return entry
  }

  /** When the event time among its keys lets a row go: at once if it is null, and so equals nothing. */
  #keyMillis(keyValues: readonly Value[], timeKey: number, { keyShiftMicros }: JoinSide): string {
    const { isNull } = keyValues[timeKey]
    const exact = endMillis(keyValues, timeKey)
    const end = keyShiftMicros === 0 ? exact : `(${exact} - ${Math.floor(keyShiftMicros / 1000)})`
    return isNull === 'false' || this.#spec.nullSafe[timeKey] ? end : `(${isNull} ? -Infinity : ${end})`
  }

  /** The first millisecond of the watermark at which nothing can come for a row any more; a time that is null compares with none. */
  #boundMillis(c: OpContext, { bounds }: JoinSide, row: RowAccessor): string {
    const each = bounds.map(({ time, shiftMicros, inclusive }) => {
      const value = compileExpression(c.cg, time, row, c.compile)
      const at = `(${eventTimeMicros(value)} - ${shiftMicros}) / 1000`
      const end = inclusive ? `Math.ceil(${at})` : `Math.floor(${at}) + 1`
      return value.isNull === 'false' ? end : `(${value.isNull} ? -Infinity : ${end})`
    })
    return each.length === 0 ? 'Infinity' : each.length === 1 ? each[0] : `Math.min(${each.join(', ')})`
  }

  /** A row without a partner, as the join puts it out. */
  #withNulls(cg: CodeBuilder, side: number, columns: readonly Value[]): Value[] {
    const nulls = sideOf(this.#spec, 1 - side).schema.fields.map(({ type }) => nullValue(cg, type))
    return side === LEFT ? [...columns, ...nulls] : [...nulls, ...columns]
  }

  /** The function that puts a restored row into the list of its join key. */
  compileRelink(side: number): (handle: number) => void {
    const { keys, nullSafe } = this.#spec
    const cg = new CodeBuilder()
    const { arena } = this.#store
    cg.line(`const sg = ${cg.constant(arena)}.segments[handle >>> ${arena.segmentShift}]`)
    cg.line(`const at = (handle & ${arena.handleMask}) << 3`)
    cg.line('const { u8, i32, f64, i64 } = sg')
    const stored = keyAccessor(cg, storedTypes(this.#spec, side), { u8: 'u8', i32: 'i32', f64: 'f64', i64: 'i64' }, `(at + ${KEY_OFFSET})`)
    const values = keys.map((_, i) => stored.column(i + 1))
    for (const [i, { isNull }] of values.entries()) if (!nullSafe[i] && isNull !== 'false') cg.line(`if (${isNull}) return`)
    const key = emitKey(cg, values, keys)
    const lists = cg.constant(this.#lists)
    cg.line(`const head = ${lists}.find(${key.hash}, ${key.buffer}, ${key.length})`)
    cg.line(`${lists}.link(handle, head === 0 ? ${lists}.open(${key.hash}, ${key.buffer}, ${key.length}) : head, ${side})`)
    return cg.build('relink', ['handle']).call as (handle: number) => void
  }

  #allocateMissing(side: number): number {
    const bytes = KEY_OFFSET + layoutKey(storedTypes(this.#spec, side)).fixedBytes + LINKS.bytes
    const handle = this.#store.arena.allocate(bytes)
    const { arena } = this.#store
    const at = (handle & arena.handleMask) << 3
    arena.segments[handle >>> arena.segmentShift].u8.fill(0, at, at + bytes)
    return handle
  }
}

/** The columns of a row from `first` on. */
const shifted = (row: RowAccessor, first: number): RowAccessor => ({ column: ordinal => row.column(first + ordinal) })

const orAbsent = (value: Value, absent: string): Value => ({
  ...value,
  isNull: value.isNull === 'false' ? absent : `(${absent} || ${value.isNull})`,
})
