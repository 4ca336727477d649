import type { Expression } from '../../dist/expression/expression.js'
import { objectReader, objectWriter, type UserRow } from '../../dist/expression/object-codec.js'
import { resolveExpression } from '../../dist/expression/resolve.js'
import { type CompiledChain, compileChain } from '../../dist/operator/chain.js'
import { ChainState } from '../../dist/operator/chain-state.js'
import { field, type StructType, structType } from '../../dist/record/data-type.js'
import { RecordBuffer } from '../../dist/record/record-buffer.js'
import { RowLayout } from '../../dist/record/row-layout.js'

const BURST = 16

/** One `select` behind the other, as a stage runs them: from records to records, by the engine's own generated code. */
export class Projection {
  readonly #source: RecordBuffer
  readonly #target: RecordBuffer
  readonly #chain: CompiledChain
  #schema: StructType
  readonly rowCount: number

  constructor(schema: StructType, rows: readonly UserRow[], ...selects: readonly (readonly Expression[])[]) {
    this.#schema = schema
    const ops = selects.map(select => {
      const columns = select.map(column => resolveExpression(column, this.#schema))
      this.#schema = structType(columns.map(({ type, nullable }, i) => field(`e${i}`, type, nullable)))
      return { kind: 'project', columns, schema: this.#schema } as const
    })
    this.rowCount = rows.length
    this.#source = new RecordBuffer(RowLayout.of(schema))
    this.#target = new RecordBuffer(RowLayout.of(this.#schema))
    const write = objectWriter(schema)
    for (const row of rows) write(row, this.#source)
    this.#chain = compileChain({
      name: 'bench',
      input: { kind: 'records', layout: this.#source.layout },
      inputSchema: schema,
      ops,
      output: { kind: 'records', layout: this.#target.layout, out: this.#target },
      outputMode: 'append',
      state: new ChainState(0, () => 0),
      tables: new Map(),
      isFull: () => false,
    })
  }

  /** Once over all rows. */
  run(): void {
    for (let left = this.rowCount; left > 0; left -= BURST) {
      this.#target.clear()
      this.#chain.runRecords(this.#source, Math.min(BURST, left))
    }
    this.#source.rewind()
  }

  /** What comes out, all of it. */
  answers(): UserRow[] {
    const read = objectReader(this.#schema)
    this.#target.clear()
    this.#chain.runRecords(this.#source, this.rowCount)
    this.#source.rewind()
    const found: UserRow[] = []
    for (let p = this.#target.next(); p >= 0; p = this.#target.next()) found.push(read(this.#target, p))
    this.#target.clear()
    return found
  }
}

/**
 * Nanoseconds of CPU time that one call takes, after so much of it that V8 has optimised it. `calls` are made between two looks at the
 * clock.
 */
export const nanosPerCall = (call: () => void, calls: number, seconds: number): number => {
  const spent = (from: NodeJS.CpuUsage): number => {
    const { user, system } = process.cpuUsage(from)
    return (user + system) / 1e6
  }
  const run = (until: number): number => {
    const from = process.cpuUsage()
    let made = 0
    do {
      for (let i = 0; i < calls; i++) call()
      made += calls
    } while (spent(from) < until)
    return (spent(from) * 1e9) / made
  }
  run(seconds)
  return Math.min(run(seconds / 4), run(seconds / 4), run(seconds / 4))
}
