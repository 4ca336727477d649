import type { DataType } from '../record/data-type.ts'

/**
 * What generated code holds of one expression: names of JS locals (or literals), never run-time objects.
 *
 * How a type is held in a local:
 *   boolean                   JS boolean
 *   byte, short, integer      number, an int32
 *   date                      number, an int32: days since 1970
 *   long                      bigint within int64. It must not escape the generated function, or V8 allocates it
 *   decimal                   bigint, unscaled; within int64 up to 18 digits
 *   float, double             number (a float is already rounded by Math.fround)
 *   timestamp                 number: micros since 1970 as a double, exact within 285 years of 1970
 *   string, binary            `bytes`: a Uint8Array, an offset and a length; or, for strings, `text`: a JS string
 *   struct                    one Value a field
 *
 * `isNull` is a JS expression without side effects: 'false' when never null, else the name of a boolean local. While it is true the other
 * locals hold some value of the right JS type (0, 0n, '', an empty range), safe to compute with.
 */
export type Value =
  | { readonly form: 'scalar'; readonly type: DataType; readonly isNull: string; readonly code: string }
  | {
      readonly form: 'bytes'
      readonly type: DataType
      readonly isNull: string
      readonly buffer: string
      readonly offset: string
      readonly length: string
      /**
       * An Int32Array over the memory of `buffer`. Named only where `offset` is a multiple of 4 and the three bytes behind the end may be
       * read: then copies go by words. Whoever makes another offset or buffer of a value must leave it out.
       */
      readonly words?: string
      /** An expression for the same as a JS string, where somebody may have it already; null where not. */
      readonly text?: string
    }
  | { readonly form: 'text'; readonly type: DataType; readonly isNull: string; readonly code: string }
  | { readonly form: 'struct'; readonly type: DataType; readonly isNull: string; readonly fields: readonly Value[] }

/**
 * Gives the columns of the current row to expressions. Back ends: ring bytes, plain JS objects, columns of a batch, and lists of values
 * already computed (a projection). A column is read where it is first needed, into locals, at most once a row for reads at the row's own
 * block depth.
 */
export interface RowAccessor {
  column(ordinal: number): Value
}
