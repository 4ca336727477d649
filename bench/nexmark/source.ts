import { type ColumnBatch, parseSchema, type SourceContext } from 'walkway'
import { NumberedColumns, registerNumbered } from '../engine/numbered-source.ts'
import { EventColumns } from './event-columns.ts'
import { Generator } from './generator.ts'

/**
 * One stream of all three kinds of event, from which each query takes its own. Every event is made with all its columns; a string is a
 * reference until the query reads it. This module registers the source, also on workers. Options: `count`, how many events there are
 * (endless without); one far in the future, of the kind `ending` or of none, follows the last, so that every window of the others ends.
 */
export const NEXMARK = 'nexmark'

const NO_KIND = 3
/** The time of the event that ends the stream. */
const END_MILLIS = 4102444800000

export const schema = parseSchema(`event_type INT NOT NULL, date_time TIMESTAMP NOT NULL, extra STRING NOT NULL,
  person_id BIGINT, name STRING, email_address STRING, credit_card STRING, city STRING, state STRING,
  auction_id BIGINT, item_name STRING, description STRING, initial_bid BIGINT, reserve BIGINT, expires TIMESTAMP,
  seller BIGINT, category BIGINT,
  auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING`)

class NexmarkReader extends NumberedColumns {
  readonly #event = new Generator()
  readonly #count: number
  readonly #ending: number
  readonly #ordinals: readonly number[]
  #columns: EventColumns | null = null

  constructor({ columns, options }: SourceContext) {
    const count = options.count === undefined ? Number.POSITIVE_INFINITY : Number(options.count)
    // The last event of all stands behind the others.
    super(count + 1)
    this.#count = count
    this.#ending = options.ending === undefined ? NO_KIND : Number(options.ending)
    this.#ordinals = columns
  }

  protected write(out: ColumnBatch, from: number, to: number): void {
    const event = this.#event
    this.#columns ??= new EventColumns(out, this.#ordinals)
    const columns = this.#columns
    for (let n = from; n < to; n++) {
      event.event(n)
      if (n === this.#count) {
        event.kind = this.#ending
        event.millis = END_MILLIS
      }
      columns.put(n - from, event)
    }
    columns.finish(to - from)
  }
}

registerNumbered(NEXMARK, schema, 'columns', context => new NexmarkReader(context))
