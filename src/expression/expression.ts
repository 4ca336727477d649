import type { DataType } from '../record/data-type.ts'

/**
 * What a literal may hold: a long beyond 2^53 is a bigint, a timestamp is micros since 1970, a date is days since 1970, a decimal is its
 * unscaled bigint.
 */
export type LiteralValue = null | boolean | number | bigint | string | Uint8Array

/** Where the code of a user function comes from, so that any worker can load it. */
export type FunctionRef =
  | { readonly kind: 'source'; readonly text: string; readonly bindings: Readonly<Record<string, unknown>> }
  | { readonly kind: 'module'; readonly url: string; readonly name: string }

/** An expression as the user wrote it: names not yet looked up, types not yet known. Plain data. */
export type Expression =
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'star'; readonly prefix: string | null }
  | { readonly kind: 'literal'; readonly value: LiteralValue; readonly type: DataType }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | {
      readonly kind: 'case'
      readonly branches: readonly { readonly when: Expression; readonly then: Expression }[]
      readonly otherwise: Expression | null
    }
  | { readonly kind: 'cast'; readonly child: Expression; readonly to: DataType; readonly isTry?: boolean }
  | { readonly kind: 'field'; readonly child: Expression; readonly name: string }
  | { readonly kind: 'alias'; readonly child: Expression; readonly name: string }
  | { readonly kind: 'sort'; readonly child: Expression; readonly ascending: boolean; readonly nullsFirst?: boolean }
  | {
      readonly kind: 'aggregate'
      readonly name: string
      readonly args: readonly Expression[]
      readonly distinct: boolean
      readonly filter: Expression | null
      readonly ignoreNulls: boolean
    }
  | {
      readonly kind: 'window'
      readonly time: Expression
      readonly sizeMicros: number
      readonly slideMicros: number
      readonly startMicros: number
    }
  | { readonly kind: 'fromJson'; readonly child: Expression; readonly schema: DataType; readonly options: Readonly<Record<string, string>> }
  | { readonly kind: 'toJson'; readonly child: Expression; readonly options: Readonly<Record<string, string>> }
  | {
      readonly kind: 'udf'
      readonly ref: FunctionRef
      readonly name: string
      readonly args: readonly Expression[]
      readonly type: DataType
    }

/**
 * An expression with names resolved against one input schema and every type known; implicit casts are explicit. This is what plans carry to
 * workers and what `compile.ts` turns into code. `nullable: false` promises that the value is never null.
 */
export type Bound =
  | { readonly kind: 'input'; readonly ordinal: number; readonly name: string; readonly type: DataType; readonly nullable: boolean }
  | { readonly kind: 'literal'; readonly value: LiteralValue; readonly type: DataType; readonly nullable: boolean }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Bound[]; readonly type: DataType; readonly nullable: boolean }
  | {
      readonly kind: 'case'
      readonly branches: readonly { readonly when: Bound; readonly then: Bound }[]
      readonly otherwise: Bound | null
      readonly type: DataType
      readonly nullable: boolean
    }
  | { readonly kind: 'cast'; readonly child: Bound; readonly type: DataType; readonly nullable: boolean; readonly isTry?: boolean }
  | { readonly kind: 'field'; readonly child: Bound; readonly index: number; readonly type: DataType; readonly nullable: boolean }
  | { readonly kind: 'struct'; readonly fields: readonly Bound[]; readonly type: DataType; readonly nullable: boolean }
  | {
      readonly kind: 'fromJson'
      readonly child: Bound
      readonly type: DataType
      readonly nullable: boolean
      readonly options: Readonly<Record<string, string>>
    }
  | {
      readonly kind: 'toJson'
      readonly child: Bound
      readonly type: DataType
      readonly nullable: boolean
      readonly options: Readonly<Record<string, string>>
    }
  | {
      readonly kind: 'udf'
      readonly ref: FunctionRef
      readonly name: string
      readonly args: readonly Bound[]
      readonly type: DataType
      readonly nullable: boolean
    }

/** One aggregate of a grouping, resolved. `type` is the type of its result, as Spark types it (sum of int is bigint, avg is double, …). */
export interface BoundAggregate {
  readonly name: 'count' | 'sum' | 'min' | 'max' | 'avg' | 'first' | 'last'
  /** Null for `count(*)`. */
  readonly arg: Bound | null
  /** Rows for which this is not true are left out; null keeps all. */
  readonly filter: Bound | null
  /** For first and last. The others skip nulls always. */
  readonly ignoreNulls: boolean
  readonly type: DataType
  readonly nullable: boolean
}
