import { EngineError } from '../base/errors.ts'
import type { SourceConnector } from './connector.ts'
import { HeldObjects } from './held-objects.ts'
import { givenSchema, heldOption } from './options.ts'
import { QueueReader, RowQueue } from './row-queue.ts'

type Row = Record<string, unknown>
export type RowIterable = AsyncIterable<Row> | Iterable<Row>

/** How many rows are pulled ahead of the query. */
const AHEAD = 1024

/** Pulls from an iterable only as fast as the query polls, and only once a query has opened it. */
export class IterableQueue extends RowQueue {
  readonly format = 'iterable'
  readonly #iterable: RowIterable
  #iterator: AsyncIterator<Row> | Iterator<Row> | null = null
  #isPulling = false
  #isStopping = false
  /** A query has read it. */
  #isOver = false

  /** Throws BAD_ARGUMENT if it is not iterable. */
  constructor(iterable: RowIterable) {
    super()
    if (typeof iterable !== 'object' || iterable === null || !(Symbol.asyncIterator in iterable || Symbol.iterator in iterable)) {
      throw new EngineError('BAD_ARGUMENT', {
        argument: 'The argument of fromIterable',
        value: iterable === null ? 'null' : `a ${typeof iterable}`,
        expected: 'an iterable, an async iterable or a stream of row objects',
      })
    }
    this.#iterable = iterable
  }

  override opened(): void {
    if (this.#isOver) throw new EngineError('SOURCE_TAKEN', { source: 'iterable' })
    this.#pull()
  }

  override taken(): void {
    this.#pull()
  }

  /** One query can read it, once. */
  override stopping(): void {
    this.#isStopping = true
  }

  protected override over(): void {
    if (this.#iterator !== null && !this.isClosed && this.failure === null) {
      // What it does about it, and how long, is its own affair.
      void Promise.resolve(this.#iterator)
        .then(iterator => iterator.return?.())
        .catch(() => {})
    }
    this.isClosed = true
    this.#isOver = true
    this.rows.length = 0
  }

  #pull(): void {
    if (this.#isPulling || this.isClosed || this.#isStopping || this.failure !== null || this.rows.length >= AHEAD) return
    this.#isPulling = true
    void this.#pullSome()
  }

  async #pullSome(): Promise<void> {
    try {
      const iterable = this.#iterable
      const isAsync = Symbol.asyncIterator in iterable
      this.#iterator ??= isAsync ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]()
      while (this.rows.length < AHEAD && !this.isClosed && !this.#isStopping) {
        const { value, done } = await this.#iterator.next()
        if (this.isClosed) return
        if (done === true) this.isClosed = true
        else this.rows.push(rowOf(isAsync ? value : await value))
        this.wake()
      }
    } catch (error) {
      this.failure = { error }
      this.wake()
    } finally {
      this.#isPulling = false
    }
  }
}

/** Bytes and lists are objects too, and would pass for rows whose every column is null. */
const rowOf = (value: unknown): Row => {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !Array.isArray(value)) return value as Row
  const what = Array.isArray(value) ? 'a list' : ArrayBuffer.isView(value) ? 'bytes' : value === null ? 'null' : `a ${typeof value}`
  throw new EngineError('BAD_ARGUMENT', {
    argument: 'A row of the iterable',
    value: what,
    expected: 'an object with a field for each column',
  })
}

export const iterableQueues = new HeldObjects<IterableQueue>('iterable')

/** `iterable`: any AsyncIterable, Iterable or Node stream of row objects. Cannot be read again. */
export const iterableSource: SourceConnector = {
  name: 'iterable',
  options: [],
  schema: (_options, given) => givenSchema('iterable', given),
  describe: async (_options, schema) => ({
    home: 'caller',
    rows: 'objects',
    maxReaders: 1,
    replayable: false,
    label: 'iterable',
    schema: givenSchema('iterable', schema),
  }),
  open: context => new QueueReader(heldOption(iterableQueues, context.options, 'iterable', 'session.fromIterable'), context.clock),
}
