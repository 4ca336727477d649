import { parseSchema, type RecordBuffer, RowLayout, RowWriter, type SourceContext } from 'walkway'
import { NumberedReader, registerNumbered } from '../engine/numbered-source.ts'
import { AUCTION, BID, CHANNELS, CITIES, Generator, NAMES, PERSON, STATES, TEXT, URLS } from './generator.ts'

/**
 * One stream of all three kinds of event, from which each query takes its own. Every event is made with all its columns; a string is a
 * reference until the query reads it. This module registers the source, also on workers. Options: `count`, how many events there are
 * (endless without); an event of no kind and far in the future follows the last, so that every window ends.
 */
export const NEXMARK = 'nexmark'

/** What an event has that ends the stream. */
const THE_END = 3
const END_MILLIS = 4102444800000

export const schema = parseSchema(`event_type INT NOT NULL, date_time TIMESTAMP NOT NULL, extra STRING NOT NULL,
  person_id BIGINT, name STRING, email_address STRING, credit_card STRING, city STRING, state STRING,
  auction_id BIGINT, item_name STRING, description STRING, initial_bid BIGINT, reserve BIGINT, expires TIMESTAMP,
  seller BIGINT, category BIGINT,
  auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING`)

const DOT_COM = new TextEncoder().encode('.com')

/** No event's strings are longer together. */
const HINT_BYTES = 800

/** Where the columns of each kind begin and end. */
const FIRST = [3, 9, 17]
const END = [9, 17, 22]

/** The columns that a query reads, by kind of event: what is written, and which are null. */
interface Fill {
  readonly leaves: Int32Array
  readonly ordinals: Int32Array
  readonly nulls: Int32Array
}

class NexmarkReader extends NumberedReader {
  readonly #writer: RowWriter
  readonly #event = new Generator()
  readonly #scratch = new Uint8Array(32)
  readonly #fills: readonly Fill[]
  readonly #count: number

  constructor({ columns, options }: SourceContext) {
    const count = options.count === undefined ? Number.POSITIVE_INFINITY : Number(options.count)
    // The last event of all stands behind the others.
    super(count + 1)
    this.#count = count
    this.#writer = new RowWriter(RowLayout.of({ kind: 'struct', fields: columns.map(ordinal => schema.fields[ordinal]) }))
    this.#fills = [PERSON, AUCTION, BID, THE_END].map(kind => {
      const has = (ordinal: number): boolean => ordinal < 3 || (ordinal >= FIRST[kind] && ordinal < END[kind])
      const leaves = columns.flatMap((ordinal, leaf) => (has(ordinal) ? [leaf] : []))
      const nulls = columns.flatMap((ordinal, leaf) => (has(ordinal) ? [] : [leaf]))
      return { leaves: Int32Array.from(leaves), ordinals: Int32Array.from(leaves, leaf => columns[leaf]), nulls: Int32Array.from(nulls) }
    })
  }

  protected write(out: RecordBuffer, from: number, to: number): void {
    const event = this.#event
    for (let n = from; n < to; n++) {
      event.event(n)
      if (n === this.#count) {
        event.kind = THE_END
        event.millis = END_MILLIS
      }
      this.#fill(out, this.#fills[event.kind])
    }
  }

  #fill(out: RecordBuffer, { leaves, ordinals, nulls }: Fill): void {
    const writer = this.#writer
    writer.start(out, HINT_BYTES)
    for (let i = 0; i < leaves.length; i++) this.#put(ordinals[i], leaves[i])
    for (let i = 0; i < nulls.length; i++) writer.setNull(nulls[i])
    writer.finish()
  }

  /** Writes the column that stands at `ordinal` in the schema. */
  #put(ordinal: number, leaf: number): void {
    const event = this.#event
    const writer = this.#writer
    switch (ordinal) {
      case 0:
        writer.setInt32(leaf, event.kind)
        break
      case 1:
        writer.setTimestampMicros(leaf, event.millis * 1000)
        break
      case 2:
        writer.setBytes(leaf, TEXT, event.extraOffset, event.extraLength)
        break
      case 3:
      case 9:
        writer.setLong(leaf, event.id, 0)
        break
      case 4:
        this.#putText(leaf, NAMES[event.name])
        break
      case 5:
        this.#putEmail(leaf)
        break
      case 6:
        this.#putCard(leaf)
        break
      case 7:
        this.#putText(leaf, CITIES[event.city])
        break
      case 8:
        this.#putText(leaf, STATES[event.state])
        break
      case 10:
        writer.setBytes(leaf, TEXT, event.itemNameOffset, event.itemNameLength)
        break
      case 11:
        writer.setBytes(leaf, TEXT, event.descriptionOffset, event.descriptionLength)
        break
      case 12:
        writer.setLong(leaf, event.initialBid, 0)
        break
      case 13:
        writer.setLong(leaf, event.reserve, 0)
        break
      case 14:
        writer.setTimestampMicros(leaf, event.expires * 1000)
        break
      case 15:
        writer.setLong(leaf, event.seller, 0)
        break
      case 16:
        writer.setLong(leaf, event.category, 0)
        break
      case 17:
        writer.setLong(leaf, event.auction, 0)
        break
      case 18:
        writer.setLong(leaf, event.bidder, 0)
        break
      case 19:
        writer.setLong(leaf, event.price, 0)
        break
      case 20:
        this.#putText(leaf, CHANNELS[event.channel])
        break
      case 21:
        this.#putText(leaf, URLS[event.channel])
        break
      default:
        throw new Error(`no column ${ordinal}`)
    }
  }

  #putText(leaf: number, text: Uint8Array): void {
    this.#writer.setBytes(leaf, text, 0, text.length)
  }

  #putEmail(leaf: number): void {
    const { mailboxOffset, mailboxLength, hostOffset, hostLength } = this.#event
    const scratch = this.#scratch
    let at = 0
    for (let i = 0; i < mailboxLength; i++) scratch[at++] = TEXT[mailboxOffset + i]
    scratch[at++] = 0x40
    for (let i = 0; i < hostLength; i++) scratch[at++] = TEXT[hostOffset + i]
    for (let i = 0; i < DOT_COM.length; i++) scratch[at++] = DOT_COM[i]
    this.#writer.setBytes(leaf, scratch, 0, at)
  }

  #putCard(leaf: number): void {
    const { card } = this.#event
    const scratch = this.#scratch
    let at = 0
    for (let i = 0; i < card.length; i++) {
      if (i > 0) scratch[at++] = 0x20
      for (let unit = 1000; unit > 0; unit = (unit / 10) | 0) scratch[at++] = 0x30 + (((card[i] / unit) | 0) % 10)
    }
    this.#writer.setBytes(leaf, scratch, 0, at)
  }
}

registerNumbered(NEXMARK, schema, context => new NexmarkReader(context))
