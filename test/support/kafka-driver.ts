import type { RecordReader, RecordWriterSink, SourceOffset, Ticket } from '../../src/connector/connector.ts'
import { headersType } from '../../src/connector/kafka/headers.ts'
import { kafkaSink } from '../../src/connector/kafka/kafka-sink.ts'
import { kafkaSource } from '../../src/connector/kafka/kafka-source.ts'
import { objectReader, objectWriter, type UserRow } from '../../src/expression/object-codec.ts'
import { field, integerType, stringType, structType } from '../../src/record/data-type.ts'
import { RecordBuffer } from '../../src/record/record-buffer.ts'
import { RowLayout } from '../../src/record/row-layout.ts'

/** Kafka's reader and writer, driven as a task drives them, without the engine. */

const clock = (): number => performance.timeOrigin * 1000 + performance.now() * 1000
export const pause = (millis: number): Promise<void> => new Promise(resolve => setTimeout(resolve, millis))

/** Waits until something holds; the error of `look` ends it. */
export const until = async (look: () => boolean, what: string): Promise<void> => {
  for (const end = performance.now() + 60_000; performance.now() < end; ) {
    if (look()) return
    await pause(5)
  }
  throw new Error(`it never came to pass that ${what}`)
}

export const resultOf = async <T>(ticket: Ticket<T>): Promise<T> => {
  await until(() => ticket.done, 'a ticket was done')
  if (ticket.error !== undefined) throw ticket.error
  return ticket.value as T
}

/** Reads columns `value`, `partition` and `offset`, as a task does. */
export class Reading {
  readonly reader: RecordReader
  readonly values: string[] = []
  readonly #buffer: RecordBuffer
  readonly #toObject: (views: RecordBuffer, p: number) => UserRow

  constructor(bootstrap: string, options: Record<string, string>, folder: string | null = null) {
    const schema = kafkaSource.schema(options, null)
    const columns = ['value', 'partition', 'offset'].map(name => schema.fields.findIndex(f => f.name === name))
    const layout = RowLayout.of(structType(columns.map(ordinal => schema.fields[ordinal])))
    this.#buffer = new RecordBuffer(layout)
    this.#toObject = objectReader(layout.schema)
    this.reader = kafkaSource.open({
      options: { startingOffsets: 'earliest', 'kafka.bootstrap.servers': bootstrap, ...options },
      schema,
      columns,
      streaming: true,
      readerIndex: 0,
      readerCount: 1,
      clock,
      metadataFolder: folder,
    }) as RecordReader
  }

  async open(start: SourceOffset | null = null): Promise<this> {
    await resultOf(this.reader.open(start))
    return this
  }

  /** One poll of few rows, so that batches are left half-way. */
  poll(): number {
    const count = this.reader.poll(this.#buffer, 7)
    for (let p = this.#buffer.next(); p >= 0; p = this.#buffer.next()) {
      const { value } = this.#toObject(this.#buffer, p)
      this.values.push(value === null ? 'null' : Buffer.from(value as Uint8Array).toString())
    }
    this.#buffer.clear()
    return count
  }

  async take(count: number): Promise<string[]> {
    await until(() => {
      this.poll()
      return this.values.length >= count
    }, `${count} rows came; there are ${this.values.length}`)
    return this.values
  }

  /** The error that ends the reading. */
  async failure(): Promise<{ code?: string; details?: unknown }> {
    try {
      await this.take(Number.POSITIVE_INFINITY)
    } catch (error) {
      return error as { code?: string }
    }
    return {}
  }

  close(): Promise<void> {
    return resultOf(this.reader.close())
  }
}

const columnTypes = { key: stringType, value: stringType, partition: integerType, headers: headersType } as const

type SinkColumn = keyof typeof columnTypes

/** Writes rows with key, value and the columns named, as a task does. */
export class Writing {
  readonly sink: RecordWriterSink
  readonly #buffer: RecordBuffer
  readonly #write: (row: UserRow, out: RecordBuffer) => void

  constructor(bootstrap: string, options: Record<string, string>, more: readonly SinkColumn[] = []) {
    const schema = structType((['key', 'value', ...more] as const).map(name => field(name, columnTypes[name])))
    this.#buffer = new RecordBuffer(RowLayout.of(schema))
    this.#write = objectWriter(schema)
    this.sink = kafkaSink.open({
      options: { 'kafka.bootstrap.servers': bootstrap, ...options },
      schema,
      writerIndex: 0,
      writerCount: 1,
      clock,
      attempt: 'test',
    }) as RecordWriterSink
  }

  async open(): Promise<this> {
    await resultOf(this.sink.open())
    return this
  }

  offer(values: readonly string[], key: string | null = null): void {
    this.offerRows(values.map(value => ({ key, value })))
  }

  offerRows(rows: readonly UserRow[]): void {
    for (const row of rows) this.#write(row, this.#buffer)
    this.step()
  }

  step(): void {
    this.sink.offer(this.#buffer)
    this.sink.step()
  }

  /** All that was offered is acknowledged. */
  async settle(): Promise<void> {
    await until(() => {
      this.step()
      return !this.#buffer.hasNext()
    }, 'the sink took all')
    const ticket = this.sink.prepare(0)
    await until(() => {
      this.step()
      return ticket.done
    }, 'the epoch was prepared')
    const [acknowledged, offered] = [this.sink.acknowledgedCount(), this.sink.offeredCount()]
    if (acknowledged !== offered) throw new Error(`prepared with ${acknowledged} of ${offered} rows acknowledged`)
  }
}
