import { EngineError } from '../base/errors.ts'
import type { ObjectReader, SourceConnector, SourceOffset } from './connector.ts'
import { Ticket } from './connector.ts'
import { givenSchema, requiredOption } from './options.ts'

type Row = Record<string, unknown>
export type RowIterable = AsyncIterable<Row> | Iterable<Row>

const iterables = new Map<string, RowIterable>()

export const registerIterable = (id: string, iterable: RowIterable): void => {
  iterables.set(id, iterable)
}

/** How many rows are pulled ahead of the query. */
const AHEAD = 1024

/** Pulls from the iterable only as fast as the query polls. */
class IterableReader implements ObjectReader {
  readonly rows = 'objects'
  readonly #iterator: AsyncIterator<Row> | Iterator<Row>
  readonly #clock: () => number
  readonly #buffer: Row[] = []
  #count = 0
  #limit: number | null = null
  #pulling = false
  #ended = false
  #failure: { readonly error: unknown } | null = null
  #wake: () => void = () => {}

  constructor(iterable: RowIterable, clock: () => number) {
    this.#iterator = Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]()
    this.#clock = clock
  }

  open(): Ticket<void> {
    this.#pull()
    return Ticket.of(undefined)
  }

  poll(out: Row[], budget: number): number {
    if (this.#failure !== null) {
      const { error } = this.#failure
      throw new EngineError('SOURCE_FAILED', { source: 'iterable', reason: error instanceof Error ? error.message : String(error) }, error)
    }
    const most = this.#limit === null ? budget : Math.min(budget, this.#limit - this.#count)
    const taken = this.#buffer.splice(0, Math.max(0, most))
    for (const row of taken) out.push(row)
    this.#count += taken.length
    this.#pull()
    return taken.length
  }

  position(): SourceOffset {
    return { '0': this.#count }
  }

  latest(): Ticket<SourceOffset> {
    return Ticket.of({ '0': this.#count + this.#buffer.length })
  }

  limit(end: SourceOffset | null): void {
    this.#limit = end === null ? null : (end['0'] ?? 0)
  }

  exhausted(): boolean {
    if (this.#failure !== null) return false
    return this.#limit === null ? this.#ended && this.#buffer.length === 0 : this.#count >= this.#limit
  }

  arrivalMicros(): number {
    return this.#clock()
  }

  backlog(): number {
    return this.#buffer.length
  }

  committed(): void {}

  onReady(wake: () => void): void {
    this.#wake = wake
  }

  close(): Ticket<void> {
    if (!this.#ended) void this.#iterator.return?.()
    this.#ended = true
    return Ticket.of(undefined)
  }

  #pull(): void {
    if (this.#pulling || this.#ended || this.#failure !== null || this.#buffer.length >= AHEAD) return
    this.#pulling = true
    void this.#pullSome()
  }

  async #pullSome(): Promise<void> {
    try {
      while (this.#buffer.length < AHEAD && !this.#ended) {
        const { value, done } = await this.#iterator.next()
        if (done === true) this.#ended = true
        else this.#buffer.push(value)
        this.#wake()
      }
    } catch (error) {
      this.#failure = { error }
      this.#wake()
    } finally {
      this.#pulling = false
    }
  }
}

/** `iterable`: any AsyncIterable, Iterable or Node stream of row objects. Cannot be read again. */
export const iterableSource: SourceConnector = {
  name: 'iterable',
  schema: (_options, given) => givenSchema('iterable', given),
  describe: async (_options, schema) => ({
    home: 'caller',
    rows: 'objects',
    maxReaders: 1,
    replayable: false,
    label: 'iterable',
    schema: givenSchema('iterable', schema),
  }),
  open: context => {
    const id = requiredOption(context.options, 'id', 'iterable')
    const iterable = iterables.get(id)
    if (iterable === undefined) throw new EngineError('INTERNAL', { reason: `no iterable ${id}` })
    return new IterableReader(iterable, context.clock)
  },
}
