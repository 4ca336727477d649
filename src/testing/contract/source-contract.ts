import { systemClock } from '../../base/clock.ts'
import { XorShiftRandom } from '../../base/random.ts'
import type { ConnectorOptions, SourceConnector, SourceOffset, SourceReader } from '../../connector/connector.ts'
import { columnsToObject } from '../../expression/column-codec.ts'
import { objectReader } from '../../expression/object-codec.ts'
import { parseSchema } from '../../expression/parse-type.ts'
import { ColumnBatch } from '../../record/column-batch.ts'
import { type StructType, structType } from '../../record/data-type.ts'
import { RecordBuffer } from '../../record/record-buffer.ts'
import { RowLayout } from '../../record/row-layout.ts'
import type { UserRow } from '../../record/user-value.ts'
import { hold, holdSameRows, nothing, Patience, turn } from './contract.ts'

/** A source to be checked, and what is in it. */
export interface SourceContract {
  readonly connector: SourceConnector
  /** With these, a reader that starts anew must begin at the same row each time: `startingOffsets` earliest, say. */
  readonly options?: ConnectorOptions
  /** For sources that need one. */
  readonly schema?: string | StructType
  /** What it holds now; unless given, what it gives first counts as that. At least two rows, or little is checked. */
  readonly rows?: readonly UserRow[]
  /** Brings more rows; they must be found by a reader that is open already. */
  readonly addMore?: () => void | Promise<void>
  /** Micros since 1970; for sources that go by the clock. */
  readonly clock?: () => number
  /** Chooses how many rows each poll asks for. */
  readonly seed?: number
  /** How long rows and tickets are waited for; 10,000 unless given. */
  readonly timeoutMillis?: number
}

/** What a reader has handed over by some moment. */
interface Mark {
  readonly position: SourceOffset
  readonly rowCount: number
}

/**
 * Holds a source to its contract: polls bounded, what lies below a position read and nothing else, the same rows from any offset again, in
 * a reader of its own, limits kept, columns left out, work shared by several readers, closing twice. Resolves with the rows found; rejects
 * with a ContractViolation, or with what the source itself throws. Runs on this thread; takes as long as the source takes to be read some
 * twenty times.
 */
export const checkSource = async (contract: SourceContract): Promise<readonly UserRow[]> => {
  const check = await SourceCheck.of(contract)
  const { rows, marks, end } = await check.readInParts()
  if (contract.rows !== undefined) holdSameRows(rows, contract.rows, 'what a first reader gives')
  await check.columns(rows, end)
  await check.share(rows, end)
  if (check.isReplayable) for (const mark of check.some(marks)) await check.restart(mark, rows, end)
  if (check.isReplayable) for (const mark of check.some(marks)) await check.stopAt(mark, rows, end)
  if (contract.addMore !== undefined) await check.more(contract.addMore, rows, end)
  return rows
}

class SourceCheck {
  readonly #contract: SourceContract
  readonly #schema: StructType
  readonly #maxReaders: number
  readonly #kind: SourceReader['rows']
  readonly #random: XorShiftRandom
  readonly #patience: Patience
  readonly isReplayable: boolean

  private constructor(contract: SourceContract, description: Awaited<ReturnType<SourceConnector['describe']>>) {
    this.#contract = contract
    this.#schema = description.schema
    this.#maxReaders = description.maxReaders
    this.#kind = description.rows
    this.isReplayable = description.replayable
    this.#patience = new Patience(contract.timeoutMillis)
    this.#random = new XorShiftRandom(contract.seed ?? 0)
  }

  static async of(contract: SourceContract): Promise<SourceCheck> {
    const { connector, options = {}, schema = null } = contract
    const given = typeof schema === 'string' ? parseSchema(schema) : schema
    const early = connector.schema(options, given)
    const description = await connector.describe(options, given, true)
    hold(JSON.stringify(early) === JSON.stringify(description.schema), 'schema() and describe() give different columns')
    hold(Number.isInteger(description.maxReaders) && description.maxReaders >= 1, `maxReaders is ${description.maxReaders}`)
    hold(description.label !== '', 'the label is empty: explain() would show nothing')
    return new SourceCheck(contract, description)
  }

  /** A few marks: the first, the last, and some between. */
  some(marks: readonly Mark[]): Mark[] {
    const between = Array.from({ length: 4 }, () => marks[this.#below(marks.length)])
    return [...new Set([marks[0], ...between, marks[marks.length - 1]])]
  }

  async readInParts(): Promise<{ rows: UserRow[]; marks: Mark[]; end: SourceOffset }> {
    const reader = await this.#open(null)
    const end = await this.#patience.settle(reader.source.latest(true), 'latest()')
    reader.source.limit(end)
    const marks: Mark[] = [{ position: copyOf(reader.source.position()), rowCount: 0 }]
    const rows: UserRow[] = []
    await this.#patience.until(
      () => {
        const before = JSON.stringify(reader.source.position())
        const found = reader.poll(1 + this.#below(7))
        rows.push(...found)
        const position = copyOf(reader.source.position())
        // It may move without a row: over the end of a file, say.
        const moved = JSON.stringify(position) !== before
        hold(moved || found.length === 0, `the position stays ${before} though ${found.length} rows were handed over`)
        if (moved) marks.push({ position, rowCount: rows.length })
        return reader.source.exhausted()
      },
      `rows up to ${JSON.stringify(end)} are not all read`,
    )
    hold(reader.poll(10).length === 0, 'rows come after exhausted() said that all was read')
    hold(reader.source.backlog() >= -1, `backlog() is ${reader.source.backlog()}`)
    hold(reader.source.arrivalMicros() >= 0, `arrivalMicros() is ${reader.source.arrivalMicros()}`)
    reader.source.committed(reader.source.position())
    await reader.close()
    return { rows, marks, end }
  }

  /** From an offset that went through JSON, as a checkpoint holds it. */
  async restart({ position, rowCount }: Mark, rows: readonly UserRow[], end: SourceOffset): Promise<void> {
    const reader = await this.#open(copyOf(position))
    holdSameRows(await reader.upTo(end), rows.slice(rowCount), `a reader that starts at ${JSON.stringify(position)}`)
    await reader.close()
  }

  /** Up to a limit, and on when it is taken back. */
  async stopAt({ position, rowCount }: Mark, rows: readonly UserRow[], end: SourceOffset): Promise<void> {
    const reader = await this.#open(null)
    holdSameRows(await reader.upTo(position), rows.slice(0, rowCount), `a reader with the limit ${JSON.stringify(position)}`)
    holdSameRows(await reader.upTo(end), rows.slice(rowCount), `the same reader after its limit moved to ${JSON.stringify(end)}`)
    await reader.close()
  }

  /** Each column alone, all of them in another order, and none. */
  async columns(rows: readonly UserRow[], end: SourceOffset): Promise<void> {
    const all = this.#schema.fields.map((_, ordinal) => ordinal)
    if (!this.isReplayable) return
    for (const columns of [...all.map(ordinal => [ordinal]), [...all].reverse(), []]) {
      const reader = await this.#open(null, { columns })
      const names = columns.map(ordinal => this.#schema.fields[ordinal].name)
      const wanted = rows.map(row => Object.fromEntries(names.map(name => [name, row[name]])))
      const found = (await reader.upTo(end)).map(row => Object.fromEntries(names.map(name => [name, row[name]])))
      holdSameRows(found, wanted, `a reader of the columns [${names.join(', ')}]`)
      await reader.close()
    }
  }

  /** Several readers give together what one gives. */
  async share(rows: readonly UserRow[], end: SourceOffset): Promise<void> {
    const readerCount = Math.min(this.#maxReaders, 3)
    if (readerCount === 1 || !this.isReplayable) return
    const found: UserRow[] = []
    for (let readerIndex = 0; readerIndex < readerCount; readerIndex++) {
      const reader = await this.#open(null, { readerIndex, readerCount })
      found.push(...(await reader.upTo(end)))
      await reader.close()
    }
    holdSameRows(found, rows, `${readerCount} readers together`)
  }

  /** Rows that come while a reader without a limit waits. */
  async more(addMore: () => void | Promise<void>, rows: readonly UserRow[], end: SourceOffset): Promise<void> {
    const reader = await this.#open(this.isReplayable ? end : null)
    reader.source.limit(null)
    await turn()
    const early = reader.poll(10)
    hold(early.length === 0, `${early.length} rows come though all ${rows.length} lie below ${JSON.stringify(end)}`)
    await addMore()
    const found: UserRow[] = []
    await this.#patience.until(() => {
      found.push(...reader.poll(10))
      return found.length > 0
    }, 'rows that were added are not read')
    const latest = await this.#patience.settle(reader.source.latest(true), 'latest()')
    found.push(...(await reader.upTo(latest)))
    await reader.close()
    if (!this.isReplayable) return
    const again = await this.#open(end)
    holdSameRows(await again.upTo(latest), found, 'rows that were added, read again')
    await again.close()
  }

  async #open(start: SourceOffset | null, context: Partial<ReaderContext> = {}): Promise<Reader> {
    const { connector, options = {}, clock = systemClock() } = this.#contract
    const columns = context.columns ?? this.#schema.fields.map((_, ordinal) => ordinal)
    const source = connector.open({
      options,
      schema: this.#schema,
      columns,
      streaming: true,
      readerIndex: context.readerIndex ?? 0,
      readerCount: context.readerCount ?? 1,
      clock,
      metadataFolder: null,
    })
    hold(source.rows === this.#kind, `describe() says ${this.#kind}, the reader has ${source.rows}`)
    const layout = structType(columns.map(ordinal => this.#schema.fields[ordinal]))
    const reader = new Reader(source, layout, this.#patience, () => 1 + this.#below(100))
    if (source.rows === 'objects') source.onReady(nothing, () => false)
    else source.onReady?.(nothing, nothing)
    await this.#patience.settle(source.open(start), 'open()')
    return reader
  }

  #below(limit: number): number {
    return Math.floor(this.#random.nextDouble() * limit)
  }
}

interface ReaderContext {
  readonly columns: readonly number[]
  readonly readerIndex: number
  readonly readerCount: number
}

/** A reader of any kind, polled as a task does it. */
class Reader {
  readonly source: SourceReader
  readonly #buffer: RecordBuffer
  readonly #read: ReturnType<typeof objectReader>
  readonly #batch: ColumnBatch
  readonly #readColumns: ReturnType<typeof columnsToObject>
  readonly #patience: Patience
  readonly #budget: () => number

  constructor(source: SourceReader, schema: StructType, patience: Patience, budget: () => number) {
    this.#patience = patience
    this.source = source
    this.#buffer = new RecordBuffer(RowLayout.of(schema))
    this.#read = objectReader(schema)
    this.#batch = new ColumnBatch(RowLayout.of(schema), undefined, source.rows === 'columns' && source.timesRows)
    this.#readColumns = columnsToObject(this.#batch)
    this.#budget = budget
  }

  poll(budget: number): UserRow[] {
    const { source } = this
    const rows: UserRow[] = []
    let said: number
    if (source.rows === 'objects') said = source.poll(rows, budget)
    else if (source.rows === 'columns') {
      this.#spoil()
      said = source.poll(this.#batch, budget)
      for (let at = 0; at < said; at++) rows.push(this.#readColumns(at))
      const { arrivals } = this.#batch
      if (arrivals !== null)
        hold(
          arrivals.subarray(0, said).every(time => time >= 0),
          'a row has no arrival',
        )
    } else {
      said = source.poll(this.#buffer, budget)
      for (let p = this.#buffer.next(); p >= 0; p = this.#buffer.next()) rows.push(this.#read(this.#buffer, p))
      this.#buffer.clear()
    }
    hold(rows.length === said, `poll(${budget}) says ${said} and appends ${rows.length}`)
    hold(said <= budget, `poll(${budget}) appends ${said}`)
    return rows
  }

  /** A batch as some other burst may have left it: what a reader does not set shows. */
  #spoil(): void {
    this.#batch.clear()
    this.#batch.arrivals?.fill(Number.NaN)
    for (const { index } of this.#batch.layout.leaves) {
      const column = this.#batch.column(index)
      column.nulls?.fill(index % 2)
      if (column.kind === 'numbers') column.values.fill(1)
      else if (column.kind === 'longs') column.values.fill(1n)
      else column.lengths.fill(0)
    }
  }

  async upTo(limit: SourceOffset): Promise<UserRow[]> {
    this.source.limit(limit)
    const rows: UserRow[] = []
    await this.#patience.until(
      () => {
        if (this.source.exhausted()) return true
        rows.push(...this.poll(this.#budget()))
        return this.source.exhausted()
      },
      `rows up to ${JSON.stringify(limit)} are not all read`,
    )
    hold(this.poll(10).length === 0, `rows come beyond the limit ${JSON.stringify(limit)}`)
    return rows
  }

  async close(): Promise<void> {
    await this.#patience.settle(this.source.close(), 'close()')
    await this.#patience.settle(this.source.close(), 'close() for the second time')
  }
}

const copyOf = (offset: SourceOffset): SourceOffset => {
  const copy = JSON.parse(JSON.stringify(offset)) as SourceOffset
  for (const [partition, value] of Object.entries(offset))
    hold(copy[partition] === value, `the offset ${value} of ${partition} does not go through JSON`)
  return copy
}
