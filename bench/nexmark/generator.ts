/**
 * NEXMark's events as the peers make them (`peers/nexmark/GENERATOR.md` defines them to the bit): `event(n)` fills the fields with event
 * n, a pure function of n. Strings that are slices of TEXT are an offset and a length, strings out of a table an index into that table.
 */
export const PERSON = 0
export const AUCTION = 1
export const BID = 2

/** 2015-07-15T00:00:00Z. */
const BASE_MILLIS = 1436918400000
const FIRST_ID = 1000
const FIRST_CATEGORY = 10
const COLD_CHANNELS = 10000
const OFFSETS = 4096
const GOLDEN = 0x9e3779b9
const PRICE_BASE = Int32Array.of(100, 1000, 10000, 100000, 1000000, 10000000)

const FIRST_NAMES = 'Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter'.split(',')
const LAST_NAMES = 'Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris'.split(',')
const CITY_NAMES = 'Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne'.split(',')
const STATE_NAMES = 'AZ,CA,ID,OR,WA,WY'.split(',')
const HOT_CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple']

const mix = (x: number): number => {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return x ^ (x >>> 16)
}

const pick = (r: number, m: number): number => Math.imul(r >>> 16, m) >>> 16

const priceOf = (r: number): number => {
  const base = PRICE_BASE[pick(r, 6)]
  return base + ((r >>> 1) % (9 * base))
}

const letter = (i: number): number => 97 + pick(mix(i), 26)

const urlOf = (c: number): string => {
  const seed = mix(c)
  const drawn = (field: number): number => mix((seed + Math.imul(field, GOLDEN)) | 0)
  let url = 'https://www.nexmark.com/'
  for (let folder = 0; folder < 3; folder++) {
    const length = 3 + (drawn(folder) & 1)
    for (let i = 0; i < length; i++) {
      const symbol = pick(drawn(3 + 4 * folder + i), 28)
      url += symbol < 2 ? '_' : String.fromCharCode(97 + symbol - 2)
    }
    url += '/'
  }
  const r = drawn(15)
  return `${url}item.htm?query=1${c < COLD_CHANNELS && pick(r, 10) > 0 ? `&channel_id=${r >>> 1}` : ''}`
}

const encode = (texts: readonly string[]): readonly Uint8Array[] => texts.map(text => new TextEncoder().encode(text))

export const TEXT = Uint8Array.from({ length: OFFSETS + 1024 }, (_, i) => letter(i))
export const NAMES = encode(FIRST_NAMES.flatMap(first => LAST_NAMES.map(last => `${first} ${last}`)))
export const CITIES = encode(CITY_NAMES)
export const STATES = encode(STATE_NAMES)
export const CHANNELS = encode([...Array.from({ length: COLD_CHANNELS }, (_, c) => `channel-${c}`), ...HOT_CHANNELS])
export const URLS = encode(Array.from(CHANNELS, (_, c) => urlOf(c)))

export class Generator {
  // Of the current event; those that its kind lacks keep old values. `id` is a person's or an auction's.
  kind = PERSON
  id = 0
  millis = 0
  extraOffset = 0
  extraLength = 0

  // A person; the e-mail address and the credit card are put together by whoever wants them.
  name = 0
  mailboxOffset = 0
  mailboxLength = 0
  hostOffset = 0
  hostLength = 0
  readonly card = new Int32Array(4)
  city = 0
  state = 0

  // An auction.
  seller = 0
  category = 0
  initialBid = 0
  reserve = 0
  expires = 0
  itemNameOffset = 0
  itemNameLength = 0
  descriptionOffset = 0
  descriptionLength = 0

  // A bid.
  auction = 0
  bidder = 0
  price = 0
  channel = 0

  #seed = 0

  event(n: number): void {
    this.#seed = mix(n)
    this.millis = BASE_MILLIS + ((n / 10) | 0)
    const epoch = (n / 50) | 0
    const offset = n - 50 * epoch
    if (offset === 0) this.#makePerson(epoch)
    else if (offset < 4) this.#makeAuction(epoch, 3 * epoch + offset - 1)
    else this.#makeBid(epoch, 3 * epoch + 2)
  }

  #makePerson(latestPerson: number): void {
    this.kind = PERSON
    this.id = FIRST_ID + latestPerson
    this.name = pick(this.#draw(1), 11) * LAST_NAMES.length + pick(this.#draw(2), 9)
    const mailbox = this.#draw(3)
    const host = this.#draw(4)
    this.mailboxOffset = mailbox & (OFFSETS - 1)
    this.mailboxLength = 3 + pick(mailbox, 4)
    this.hostOffset = host & (OFFSETS - 1)
    this.hostLength = 3 + pick(host, 2)
    for (let i = 0; i < 4; i++) this.card[i] = pick(this.#draw(5 + i), 10000)
    this.city = pick(this.#draw(9), 10)
    this.state = pick(this.#draw(10), 6)
    const email = this.mailboxLength + 1 + this.hostLength + 4
    const size = 200 - (8 + NAMES[this.name].length + email + 19 + CITIES[this.city].length + STATES[this.state].length)
    this.#makeExtra(this.#draw(11), size)
  }

  #makeAuction(latestPerson: number, latestAuction: number): void {
    this.kind = AUCTION
    this.id = FIRST_ID + latestAuction
    const r = this.#draw(1)
    this.seller = FIRST_ID + ((r & 3) !== 0 ? ((latestPerson / 100) | 0) * 100 : activePerson(r, latestPerson))
    this.category = FIRST_CATEGORY + pick(this.#draw(2), 5)
    this.initialBid = priceOf(this.#draw(3))
    this.reserve = this.initialBid + priceOf(this.#draw(4))
    this.expires = this.millis + 1 + pick(this.#draw(5), 333)
    const name = this.#draw(6)
    const description = this.#draw(7)
    this.itemNameOffset = name & (OFFSETS - 1)
    this.itemNameLength = 3 + pick(name, 17)
    this.descriptionOffset = description & (OFFSETS - 1)
    this.descriptionLength = 3 + pick(description, 97)
    this.#makeExtra(this.#draw(8), 500 - (48 + this.itemNameLength + this.descriptionLength))
  }

  #makeBid(latestPerson: number, latestAuction: number): void {
    this.kind = BID
    const oldest = Math.max(latestAuction - 100, 0)
    let r = this.#draw(1)
    this.auction = FIRST_ID + ((r & 1) !== 0 ? ((latestAuction / 100) | 0) * 100 : oldest + pick(r, latestAuction - oldest + 11))
    r = this.#draw(2)
    this.bidder = FIRST_ID + ((r & 3) !== 0 ? ((latestPerson / 100) | 0) * 100 + 1 : activePerson(r, latestPerson))
    this.price = priceOf(this.#draw(3))
    r = this.#draw(4)
    this.channel = (r & 1) !== 0 ? COLD_CHANNELS + pick(r, 4) : pick(r, COLD_CHANNELS)
    this.#makeExtra(this.#draw(5), 68)
  }

  #makeExtra(r: number, size: number): void {
    const spread = (size / 5) | 0
    this.extraOffset = r & (OFFSETS - 1)
    this.extraLength = size - spread + pick(r, 2 * spread)
  }

  #draw(field: number): number {
    return mix((this.#seed + Math.imul(field, GOLDEN)) | 0)
  }
}

const activePerson = (r: number, latestPerson: number): number => {
  const active = Math.min(latestPerson + 1, 1000)
  return latestPerson + 1 - active + pick(r, active + 10)
}
