import {
  parseSchema,
  type RecordBuffer,
  type RecordReader,
  RowLayout,
  RowWriter,
  registerSource,
  type SourceConnector,
  type SourceContext,
  type SourceOffset,
  Ticket,
} from 'walkway'
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
  auction_id BIGINT, item_name STRING, description STRING, initial_bid BIGINT, reserve BIGINT, expires TIMESTAMP, seller BIGINT, category BIGINT,
  auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING`)

/** Where the columns of each kind begin and end. */
const FIRST = [3, 9, 17]
const END = [9, 17, 22]

type Put = (writer: RowWriter, leaf: number, event: Generator, scratch: Uint8Array) => void

const micros =
  (of: (event: Generator) => number): Put =>
  (writer, leaf, event) =>
    writer.setTimestampMicros(leaf, of(event) * 1000)

const long =
  (of: (event: Generator) => number): Put =>
  (writer, leaf, event) =>
    writer.setLong(leaf, of(event), 0)

const table =
  (texts: readonly Uint8Array[], of: (event: Generator) => number): Put =>
  (writer, leaf, event) => {
    const text = texts[of(event)]
    writer.setBytes(leaf, text, 0, text.length)
  }

const putEmail: Put = (writer, leaf, { mailboxOffset, mailboxLength, hostOffset, hostLength }, scratch) => {
  scratch.set(TEXT.subarray(mailboxOffset, mailboxOffset + mailboxLength), 0)
  scratch[mailboxLength] = 0x40
  scratch.set(TEXT.subarray(hostOffset, hostOffset + hostLength), mailboxLength + 1)
  const end = mailboxLength + 1 + hostLength
  scratch.set(DOT_COM, end)
  writer.setBytes(leaf, scratch, 0, end + DOT_COM.length)
}
const DOT_COM = new TextEncoder().encode('.com')

const putCard: Put = (writer, leaf, { card }, scratch) => {
  let at = 0
  for (let i = 0; i < 4; i++) {
    if (i > 0) scratch[at++] = 0x20
    for (let unit = 1000; unit > 0; unit = (unit / 10) | 0) scratch[at++] = 0x30 + (((card[i] / unit) | 0) % 10)
  }
  writer.setBytes(leaf, scratch, 0, at)
}

/** By the schema's ordinals. */
const PUTS: readonly Put[] = [
  (writer, leaf, { kind }) => writer.setInt32(leaf, kind),
  micros(event => event.millis),
  (writer, leaf, { extraOffset, extraLength }) => writer.setBytes(leaf, TEXT, extraOffset, extraLength),
  long(event => event.id),
  table(NAMES, event => event.name),
  putEmail,
  putCard,
  table(CITIES, event => event.city),
  table(STATES, event => event.state),
  long(event => event.id),
  (writer, leaf, { itemNameOffset, itemNameLength }) => writer.setBytes(leaf, TEXT, itemNameOffset, itemNameLength),
  (writer, leaf, { descriptionOffset, descriptionLength }) => writer.setBytes(leaf, TEXT, descriptionOffset, descriptionLength),
  long(event => event.initialBid),
  long(event => event.reserve),
  micros(event => event.expires),
  long(event => event.seller),
  long(event => event.category),
  long(event => event.auction),
  long(event => event.bidder),
  long(event => event.price),
  table(CHANNELS, event => event.channel),
  table(URLS, event => event.channel),
]

/** The columns that a query reads, by kind of event: what is written, and which are null. */
interface Fill {
  readonly leaves: Int32Array
  readonly puts: readonly Put[]
  readonly nulls: Int32Array
}

class NexmarkReader implements RecordReader {
  readonly rows = 'records'
  readonly #writer: RowWriter
  readonly #event = new Generator()
  readonly #scratch = new Uint8Array(32)
  readonly #fills: readonly Fill[]
  readonly #end: number
  #at = 0
  #limit = Number.POSITIVE_INFINITY

  constructor({ columns, options }: SourceContext) {
    this.#writer = new RowWriter(RowLayout.of({ kind: 'struct', fields: columns.map(ordinal => schema.fields[ordinal]) }))
    this.#fills = [PERSON, AUCTION, BID, THE_END].map(kind => {
      const has = (ordinal: number): boolean => ordinal < 3 || (ordinal >= FIRST[kind] && ordinal < END[kind])
      const leaves = columns.flatMap((ordinal, leaf) => (has(ordinal) ? [leaf] : []))
      const nulls = columns.flatMap((ordinal, leaf) => (has(ordinal) ? [] : [leaf]))
      return { leaves: Int32Array.from(leaves), puts: leaves.map(leaf => PUTS[columns[leaf]]), nulls: Int32Array.from(nulls) }
    })
    // The last event of all stands behind the others.
    this.#end = options.count === undefined ? Number.POSITIVE_INFINITY : Number(options.count) + 1
  }

  open(start: SourceOffset | null): Ticket<void> {
    this.#at = start?.['0'] ?? 0
    return Ticket.of(undefined)
  }

  poll(out: RecordBuffer, budget: number): number {
    const from = this.#at
    const to = Math.min(from + budget, this.#limit, this.#end)
    const event = this.#event
    for (let n = from; n < to; n++) {
      event.event(n)
      if (n === this.#end - 1) {
        event.kind = THE_END
        event.millis = END_MILLIS
      }
      this.#write(out, this.#fills[event.kind])
    }
    this.#at = to
    return to - from
  }

  #write(out: RecordBuffer, { leaves, puts, nulls }: Fill): void {
    const writer = this.#writer
    writer.start(out, 0)
    for (let i = 0; i < leaves.length; i++) puts[i](writer, leaves[i], this.#event, this.#scratch)
    for (let i = 0; i < nulls.length; i++) writer.setNull(nulls[i])
    writer.finish()
  }

  position(): SourceOffset {
    return { '0': this.#at }
  }

  latest(): Ticket<SourceOffset> {
    return Ticket.of({ '0': Math.min(this.#end, this.#at + 1_000_000) })
  }

  limit(end: SourceOffset | null): void {
    this.#limit = end?.['0'] ?? Number.POSITIVE_INFINITY
  }

  exhausted(): boolean {
    return this.#at >= Math.min(this.#limit, this.#end)
  }

  arrivalMicros(): number {
    return 0
  }

  backlog(): number {
    return 0
  }

  committed(): void {}

  close(): Ticket<void> {
    return Ticket.of(undefined)
  }
}

const nexmark: SourceConnector = {
  name: NEXMARK,
  schema: () => schema,
  describe: async () => ({ schema, home: 'anywhere', rows: 'records', maxReaders: 1, replayable: true, label: NEXMARK }),
  open: context => new NexmarkReader(context),
}

registerSource(nexmark)
