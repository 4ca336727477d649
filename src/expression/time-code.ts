import { failOverflow } from './arithmetic-code.ts'
import { scalarCode } from './convert.ts'
import { nullUnlessFinite, scalarUnlessNull, statementsUnlessNull } from './null-safe.ts'
import type { ScalarCode } from './scalar-code.ts'

const MOST_SECONDS = 9223372036854n

/** Timestamps are micros as doubles. */
const fromLong =
  (micros: number): ScalarCode =>
  (cg, node, args) => {
    const a = scalarCode(args[0])
    if (args[0].type.kind !== 'long') {
      // NaN and the infinities are no moment: null, in ANSI mode too. What is beyond 64 bits of micros becomes the first or last moment.
      const finite = nullUnlessFinite(cg, args[0])
      return scalarUnlessNull(cg, node.type, [finite], `Math.min(2 ** 63, Math.max(-(2 ** 63), Math.trunc(${a} * ${micros})))`)
    }
    return statementsUnlessNull(cg, node.type, args, v => {
      if (micros > 1) {
        const limit = MOST_SECONDS * BigInt(1_000_000 / micros)
        cg.line(`if (${a} > ${limit}n || ${a} < -${limit}n) ${cg.constant(failOverflow)}('timestamp', ${cg.constant(node.type)})`)
      }
      cg.line(`${v} = Number(${a}) * ${micros}`)
    })
  }

const toLong =
  (micros: number): ScalarCode =>
  (cg, node, args) =>
    scalarUnlessNull(cg, node.type, args, `BigInt(Math.floor(${scalarCode(args[0])} / ${micros}))`)

export const timeCodes: Readonly<Record<string, ScalarCode>> = {
  timestampSeconds: fromLong(1_000_000),
  timestampMillis: fromLong(1000),
  timestampMicros: fromLong(1),
  unixSeconds: toLong(1_000_000),
  unixMillis: toLong(1000),
  unixMicros: toLong(1),
  timestampAdd: (cg, node, args) => scalarUnlessNull(cg, node.type, args, `${scalarCode(args[0])} + ${scalarCode(args[1])}`),
  // The last moment of a window, one micro before its end, as Spark has it.
  windowTime: (cg, node, args) => scalarUnlessNull(cg, node.type, args, `${scalarCode(args[0])} - 1`),
}
