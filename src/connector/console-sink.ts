import { writeSync } from 'node:fs'
import { objectReader } from '../expression/object-codec.ts'
import { doubleText, floatText } from '../expression/text-format.ts'
import type { DataType, StructType } from '../record/data-type.ts'
import type { RecordBuffer } from '../record/record-buffer.ts'
import type { SinkConnector, SinkContext, SinkToken } from './connector.ts'
import { Ticket } from './connector.ts'
import { booleanOption, numberOption } from './options.ts'
import { PromptWriter } from './prompt-writer.ts'

type Row = Record<string, unknown>

/**
 * Prints each epoch as a table, as Spark does; at most `numRows` rows of it. Writes with writeSync: `console.log` of a busy worker would
 * come late.
 */
class ConsoleWriter extends PromptWriter {
  readonly #schema: StructType
  readonly #read: ReturnType<typeof objectReader>
  readonly #numRows: number
  readonly #truncate: boolean
  #shown: Row[] = []
  #inEpoch = 0

  constructor(context: SinkContext) {
    super()
    this.#schema = context.schema
    this.#read = objectReader(context.schema)
    this.#numRows = numberOption(context.options, 'numRows', 20)
    this.#truncate = booleanOption(context.options, 'truncate', true)
  }

  override beginEpoch(): void {
    this.#shown = []
    this.#inEpoch = 0
  }

  protected take(rows: RecordBuffer): void {
    this.#inEpoch += rows.rowCount
    for (let p = rows.next(); p >= 0 && this.#shown.length < this.#numRows; p = rows.next()) this.#shown.push(this.#read(rows, p))
  }

  override prepare(epoch: number): Ticket<SinkToken> {
    if (this.#inEpoch > 0) {
      const title = `-------------------------------------------\nBatch: ${epoch}\n-------------------------------------------\n`
      const more = this.#inEpoch > this.#shown.length ? `only showing top ${this.#shown.length} of ${this.#inEpoch} rows\n` : ''
      print(title + formatTable(this.#schema, this.#shown, this.#truncate ? 20 : 0) + more + '\n')
    }
    return Ticket.of(null)
  }
}

const print = (text: string): void => {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at)
    } catch (error) {
      // A pipe whose reader is slow says EAGAIN; one whose reader is gone says EPIPE, and nobody is left to read.
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') continue
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') return
      throw error
    }
  }
}

/** Rows as Spark's `show` draws them; cells longer than `width` are cut, 0: not. */
export const formatTable = (schema: StructType, rows: readonly Row[], width: number): string => {
  const cut = (text: string): string => (width > 0 && text.length > width ? `${text.slice(0, width - 3)}...` : text)
  const header = schema.fields.map(f => cut(f.name))
  const cells = rows.map(row => schema.fields.map(f => cut(showValue(row[f.name], f.type))))
  const widths = header.map((name, i) => Math.max(3, name.length, ...cells.map(line => line[i].length)))
  const rule = `+${widths.map(w => '-'.repeat(w)).join('+')}+\n`
  const line = (texts: readonly string[]): string => `|${texts.map((text, i) => text.padStart(widths[i])).join('|')}|\n`
  return rule + line(header) + rule + cells.map(line).join('') + rule
}

/** As a cast to text has it, but for NULL and bytes. */
const showValue = (value: unknown, type: DataType): string => {
  if (value === null || value === undefined) return 'NULL'
  if (value instanceof globalThis.Date) {
    const text = value.toISOString().replace('T', ' ')
    return type.kind === 'date' ? text.slice(0, text.indexOf(' ')) : text.replace(/\.?0*Z$/, '')
  }
  if (value instanceof Uint8Array)
    return `[${Buffer.from(value)
      .toString('hex')
      .toUpperCase()
      .replace(/..(?!$)/g, '$& ')}]`
  if (type.kind === 'struct') {
    const fields = value as Row
    return `{${type.fields.map(f => showValue(fields[f.name], f.type)).join(', ')}}`
  }
  if (typeof value === 'number' && type.kind === 'double') return doubleText(value)
  if (typeof value === 'number' && type.kind === 'float') return floatText(value)
  return String(value)
}

export const consoleSink: SinkConnector = {
  name: 'console',
  options: ['numRows', 'truncate'],
  describe: async () => ({
    home: 'anywhere',
    rows: 'records',
    maxWriters: 1,
    guarantee: 'at-least-once',
    outputModes: ['append', 'update', 'complete'],
    label: 'console',
  }),
  open: context => new ConsoleWriter(context),
  committer: () => null,
}
