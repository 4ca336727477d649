import type { RowAccessor } from '../expression/value.ts'
import { KeyedStore } from '../state/keyed-store.ts'
import type { BurstLocals } from './aggregate.ts'
import { emitEntry, emitTouch } from './keyed-access.ts'
import type { Consumer, OpContext } from './op-context.ts'
import { OperatorFlags, type StatefulOperator } from './stateful.ts'

export interface LimitSpec {
  readonly operatorId: number
  readonly count: number
  /** True: of every epoch's rows, which are a whole result each. False: of all the rows that ever come. */
  readonly perEpoch: boolean
}

const COUNT_BYTES = 8
const KEY_BYTES = 8

/** Lets the first so many rows pass. It runs in one task. How many have passed in the life of the query is state: one entry. */
export class Limit implements StatefulOperator {
  readonly operatorId: number
  readonly name = 'globalLimit'
  readonly store = new KeyedStore({ valueBytes: COUNT_BYTES, varSlots: [], timed: false })
  readonly flags = new OperatorFlags()
  readonly isTransient: boolean
  readonly #spec: LimitSpec
  /** How many rows have passed. In a typed array, so that no double is boxed. */
  readonly #passed = new Float64Array(1)
  /** The entry of the count; 0 while no row has passed. */
  handle = 0

  constructor(spec: LimitSpec) {
    this.operatorId = spec.operatorId
    this.isTransient = spec.perEpoch
    this.#spec = spec
  }

  emitRow(c: OpContext, row: RowAccessor, skip: string, burst: BurstLocals, next: Consumer): void {
    const { cg } = c
    const passed = `${cg.constant(this.#passed)}[0]`
    cg.line(`if (${passed} >= ${this.#spec.count}) ${skip}`)
    if (this.#spec.perEpoch) {
      cg.line(`${passed}++`)
    } else {
      const limit = cg.constant(this)
      const handle = cg.fresh('h')
      cg.line(`const ${handle} = ${limit}.handle === 0 ? ${limit}.begin() : ${limit}.handle`)
      const entry = emitEntry(c, this.store, handle, KEY_BYTES)
      emitTouch(c, cg.constant(this.store), entry, burst.tracking, burst.tag)
      cg.line(`${entry.f64}[${entry.value} >> 3] = ++${passed}`)
    }
    next(row, skip)
  }

  /** Makes the entry of the count. */
  begin(): number {
    this.handle = this.store.insert(0, new Uint8Array(KEY_BYTES), 0, KEY_BYTES, 0)
    return this.handle
  }

  beginEpoch(): void {
    if (this.#spec.perEpoch) this.#passed[0] = 0
    this.store.tracking = this.store.log !== null
  }

  advance(): boolean {
    return true
  }

  finishEpoch(): boolean {
    return true
  }

  restore(
    hash: number,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): void {
    this.handle = this.store.restore(hash, key, keyOffset, keyLength, value, valueOffset, valueLength)
    this.#passed[0] = new DataView(value.buffer, value.byteOffset).getFloat64(valueOffset, true)
  }
}
