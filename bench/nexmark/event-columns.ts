import type { BytesColumn, ColumnBatch, LongColumn, NumberColumn } from 'walkway'
import { AUCTION, BID, CHANNELS, CITIES, type Generator, NAMES, PERSON, STATES, TEXT, URLS } from './generator.ts'

const DOT_COM = new TextEncoder().encode('.com')

/** The columns of events in a batch, those that the query reads: numbers as they are, strings as references to where they stand. */
export class EventColumns {
  readonly #kind: NumberColumn | null
  readonly #time: NumberColumn | null
  readonly #extra: BytesColumn | null
  readonly #personId: LongColumn | null
  readonly #name: TableColumn | null
  readonly #email: BytesColumn | null
  readonly #card: BytesColumn | null
  readonly #city: TableColumn | null
  readonly #state: TableColumn | null
  readonly #auctionId: LongColumn | null
  readonly #itemName: BytesColumn | null
  readonly #description: BytesColumn | null
  readonly #initialBid: LongColumn | null
  readonly #reserve: LongColumn | null
  readonly #expires: NumberColumn | null
  readonly #seller: LongColumn | null
  readonly #category: LongColumn | null
  readonly #auction: LongColumn | null
  readonly #bidder: LongColumn | null
  readonly #price: LongColumn | null
  readonly #channel: TableColumn | null
  readonly #url: TableColumn | null
  readonly #scratch = new Uint8Array(32)
  /** What kind of event each row is, and what is null in all that are of another. */
  readonly #kinds: Uint8Array
  readonly #nullable: readonly { readonly kind: number; readonly nulls: Uint8Array }[]

  constructor(batch: ColumnBatch, columns: readonly number[]) {
    const at = (ordinal: number): number | null => (columns.includes(ordinal) ? columns.indexOf(ordinal) : null)
    const numbers = (ordinal: number) => found(at(ordinal), leaf => batch.numbers(leaf))
    const longs = (ordinal: number) => found(at(ordinal), leaf => batch.longs(leaf))
    const bytes = (ordinal: number) => found(at(ordinal), leaf => batch.bytes(leaf))
    const slices = (ordinal: number) => {
      const column = bytes(ordinal)
      if (column !== null) column.page = TEXT
      return column
    }
    const table = (ordinal: number, texts: readonly Uint8Array[]) => found(bytes(ordinal), column => new TableColumn(column, texts))
    this.#kind = numbers(0)
    this.#time = numbers(1)
    this.#extra = slices(2)
    this.#personId = longs(3)
    this.#name = table(4, NAMES)
    this.#email = bytes(5)
    this.#card = bytes(6)
    this.#city = table(7, CITIES)
    this.#state = table(8, STATES)
    this.#auctionId = longs(9)
    this.#itemName = slices(10)
    this.#description = slices(11)
    this.#initialBid = longs(12)
    this.#reserve = longs(13)
    this.#expires = numbers(14)
    this.#seller = longs(15)
    this.#category = longs(16)
    this.#auction = longs(17)
    this.#bidder = longs(18)
    this.#price = longs(19)
    this.#channel = table(20, CHANNELS)
    this.#url = table(21, URLS)
    this.#kinds = new Uint8Array(batch.capacity)
    this.#nullable = columns.flatMap((ordinal, leaf) => {
      const { nulls } = batch.column(leaf)
      return nulls === null ? [] : [{ kind: ordinal < 9 ? PERSON : ordinal < 17 ? AUCTION : BID, nulls }]
    })
  }

  put(row: number, event: Generator): void {
    this.#kinds[row] = event.kind
    if (this.#kind !== null) this.#kind.values[row] = event.kind
    if (this.#time !== null) this.#time.values[row] = event.millis * 1000
    if (this.#extra !== null) refer(this.#extra, row, event.extraOffset, event.extraLength)
    if (event.kind === BID) this.#putBid(row, event)
    else if (event.kind === AUCTION) this.#putAuction(row, event)
    else if (event.kind === PERSON) this.#putPerson(row, event)
  }

  /** The first `count` rows are there. */
  finish(count: number): void {
    const kinds = this.#kinds
    for (const { kind, nulls } of this.#nullable) for (let row = 0; row < count; row++) nulls[row] = kinds[row] === kind ? 0 : 1
  }

  #putBid(row: number, event: Generator): void {
    if (this.#auction !== null) setInt(this.#auction, row, event.auction)
    if (this.#bidder !== null) setInt(this.#bidder, row, event.bidder)
    if (this.#price !== null) setInt(this.#price, row, event.price)
    if (this.#channel !== null) this.#channel.put(row, event.channel)
    if (this.#url !== null) this.#url.put(row, event.channel)
  }

  #putAuction(row: number, event: Generator): void {
    if (this.#auctionId !== null) setInt(this.#auctionId, row, event.id)
    if (this.#itemName !== null) refer(this.#itemName, row, event.itemNameOffset, event.itemNameLength)
    if (this.#description !== null) refer(this.#description, row, event.descriptionOffset, event.descriptionLength)
    if (this.#initialBid !== null) setInt(this.#initialBid, row, event.initialBid)
    if (this.#reserve !== null) setInt(this.#reserve, row, event.reserve)
    if (this.#expires !== null) this.#expires.values[row] = event.expires * 1000
    if (this.#seller !== null) setInt(this.#seller, row, event.seller)
    if (this.#category !== null) setInt(this.#category, row, event.category)
  }

  #putPerson(row: number, event: Generator): void {
    if (this.#personId !== null) setInt(this.#personId, row, event.id)
    this.#name?.put(row, event.name)
    if (this.#email !== null) this.#putEmail(this.#email, row, event)
    if (this.#card !== null) this.#putCard(this.#card, row, event)
    this.#city?.put(row, event.city)
    this.#state?.put(row, event.state)
  }

  #putEmail(column: BytesColumn, row: number, event: Generator): void {
    const { mailboxOffset, mailboxLength, hostOffset, hostLength } = event
    const scratch = this.#scratch
    let at = 0
    for (let i = 0; i < mailboxLength; i++) scratch[at++] = TEXT[mailboxOffset + i]
    scratch[at++] = 0x40
    for (let i = 0; i < hostLength; i++) scratch[at++] = TEXT[hostOffset + i]
    for (let i = 0; i < DOT_COM.length; i++) scratch[at++] = DOT_COM[i]
    column.copy(row, scratch, 0, at)
  }

  #putCard(column: BytesColumn, row: number, { card }: Generator): void {
    const scratch = this.#scratch
    let at = 0
    for (let i = 0; i < card.length; i++) {
      if (i > 0) scratch[at++] = 0x20
      for (let unit = 1000; unit > 0; unit = (unit / 10) | 0) scratch[at++] = 0x30 + (((card[i] / unit) | 0) % 10)
    }
    column.copy(row, scratch, 0, at)
  }
}

/** A column whose strings are those of a table, which is laid out as one page. */
class TableColumn {
  readonly #column: BytesColumn
  readonly #starts: Int32Array

  constructor(column: BytesColumn, texts: readonly Uint8Array[]) {
    this.#column = column
    column.page = new Uint8Array(Buffer.concat(texts))
    this.#starts = new Int32Array(texts.length + 1)
    for (const [i, text] of texts.entries()) this.#starts[i + 1] = this.#starts[i] + text.length
  }

  put(row: number, index: number): void {
    const start = this.#starts[index]
    refer(this.#column, row, start, this.#starts[index + 1] - start)
  }
}

const found = <T, R>(value: T | null, then: (value: T) => R): R | null => (value === null ? null : then(value))

const refer = (column: BytesColumn, row: number, offset: number, length: number): void => {
  column.offsets[row] = offset
  column.lengths[row] = length
}

/** A number that is not negative and below 2^31. */
const setInt = ({ words }: LongColumn, row: number, value: number): void => {
  words[2 * row] = value
  words[2 * row + 1] = 0
}
