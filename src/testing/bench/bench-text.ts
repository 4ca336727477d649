import type { BenchCost, BenchResult } from './bench.ts'

/** A result as a few lines of text. */
export const benchText = (result: BenchResult): string => {
  const { warm, byHand } = result
  const lines = [
    line('warm', warm),
    ...(byHand === null ? [] : [line('by hand', byHand)]),
    `cold     ${digits(result.coldNanosPerEvent)} ns an event over the first thousand; compiled in ${digits(result.compileMillis)} ms`,
    `code     ${result.codeLength} characters; ${digits(result.rowsOutPerEvent)} rows out an event`,
  ]
  return `${lines.join('\n')}\n`
}

const line = (name: string, { nanosPerEvent: { median, least, most }, bytesPerEvent, youngCollectionsPerMillion }: BenchCost): string =>
  `${name.padEnd(8)} ${digits(median)} ns an event (${digits(least)} … ${digits(most)}), ` +
  `${Number.isNaN(bytesPerEvent) ? 'too many' : digits(bytesPerEvent)} bytes, ` +
  `${digits(youngCollectionsPerMillion)} young collections a million`

const digits = (value: number): string => String(Number(value.toPrecision(3)))
