import { describe, expect, test } from 'vitest'
import type { ChangeLog } from '../../src/state/change-log.ts'
import { KEY_OFFSET, KeyedStore, TAG_OFFSET } from '../../src/state/keyed-store.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { ChangeList, hex, type StoredEntry } from './change-list.ts'

// Goal: a store is a map, whatever happens between two barriers, and a log holds each epoch as it was at its barrier.
// Method: random operations against a Map, epochs sealed in random slices while keys change, and each log applied to a copy.

const VALUE_BYTES = 24
const TEXT_SLOTS = [8, 16]

interface Model {
  readonly number: number
  readonly texts: readonly (string | null)[]
}

const keyOf = (n: number): Uint8Array => new TextEncoder().encode(`key-${n}${'-long'.repeat(n % 7)}`)

const hashOf = (key: Uint8Array): number => {
  // A poor hash on purpose: several keys share one.
  let h = 0
  for (const byte of key) h = (h * 3 + byte) | 0
  return h & 31
}

const newStore = (): KeyedStore => new KeyedStore({ valueBytes: VALUE_BYTES, varSlots: TEXT_SLOTS, timed: false })

const entryOf = (store: KeyedStore, handle: number) => {
  const { arena } = store
  const views = arena.segments[handle >>> arena.segmentShift]
  const at = (handle & arena.handleMask) << 3
  return { ...views, at, value: at + store.valueOffset(views.i32[(at + 4) >> 2]) }
}

const find = (store: KeyedStore, key: Uint8Array): number => store.index.find(hashOf(key), key, 0, key.length)

/** What an operator's generated code does to a group. */
const put = (store: KeyedStore, key: Uint8Array, { number, texts }: Model): void => {
  let handle = find(store, key)
  if (handle === 0) handle = store.insert(hashOf(key), key, 0, key.length, 0)
  const { i32, f64, at, value } = entryOf(store, handle)
  if (store.tracking && i32[(at + TAG_OFFSET) >> 2] !== store.tag) store.markDirty(handle)
  f64[value >> 3] = number
  for (const [i, slot] of TEXT_SLOTS.entries()) {
    const text = texts[i]
    if (text === null) continue
    const bytes = new TextEncoder().encode(text)
    store.bytes.set(handle, store.valueOffset(key.length) + slot, bytes, 0, bytes.length)
  }
}

const read = (store: KeyedStore, handle: number): Model => {
  const { f64, i32, value } = entryOf(store, handle)
  const { arena } = store
  const texts = TEXT_SLOTS.map(slot => {
    const block = i32[(value + slot) >> 2] >>> 0
    if (block === 0) return null
    const segment = arena.segments[block >>> arena.segmentShift]
    const at = (block & arena.handleMask) << 3
    return new TextDecoder().decode(segment.u8.subarray(at + 8, at + 8 + segment.i32[at >> 2]))
  })
  return { number: f64[value >> 3], texts }
}

const contentsOf = (store: KeyedStore): Map<string, Model> => {
  const contents = new Map<string, Model>()
  const cursor = store.index.cursor()
  for (let handle = cursor.next(); handle !== 0; handle = cursor.next()) {
    const { u8, i32, at } = entryOf(store, handle)
    contents.set(hex(u8.subarray(at + KEY_OFFSET, at + KEY_OFFSET + i32[(at + 4) >> 2])), read(store, handle))
  }
  return contents
}

const restored = (entries: ReadonlyMap<string, StoredEntry>): KeyedStore => {
  const store = newStore()
  for (const { hash, key, value } of entries.values()) store.restore(hash, key, 0, key.length, value, 0, value.length)
  return store
}

const randomText = (random: SeededRandom): string | null => (random.below(3) === 0 ? null : 'é'.repeat(random.below(random.pick([3, 40]))))

class Harness {
  readonly model = new Map<string, Model>()
  store = newStore()
  readonly random: SeededRandom
  #log: ChangeList | null
  #sealing: { log: ChangeList; expected: Map<string, Model> } | null = null
  readonly #replica = new Map<string, StoredEntry>()

  constructor(random: SeededRandom, persists: boolean) {
    this.random = random
    this.#log = persists ? new ChangeList() : null
    this.store.log = this.#log
  }

  change(keyCount: number): void {
    const { random } = this
    const key = keyOf(random.below(keyCount))
    const name = hex(key)
    if (random.below(3) > 0) {
      const before = this.model.get(name)
      const given = { number: random.below(1000), texts: TEXT_SLOTS.map(() => randomText(random)) }
      put(this.store, key, given)
      this.model.set(name, { number: given.number, texts: given.texts.map((text, i) => text ?? before?.texts[i] ?? null) })
      return
    }
    const handle = find(this.store, key)
    expect(handle !== 0).toBe(this.model.has(name))
    if (handle !== 0) this.store.remove(handle)
    this.model.delete(name)
  }

  seal(): void {
    if (this.store.sealing) {
      this.#slice(this.random.below(4))
      return
    }
    const log = this.#log
    this.#log = log === null ? null : new ChangeList()
    this.store.beginSeal(this.#log)
    if (log !== null) this.#sealing = { log, expected: new Map(this.model) }
  }

  finish(): void {
    for (let i = 0; i < 2; i++) {
      while (this.store.sealing) this.#slice(1000)
      this.seal()
    }
    while (this.store.sealing) this.#slice(1000)
  }

  /** The job dies and comes back from what was sealed last; only right after a barrier does that equal the model. */
  restart(): void {
    while (this.store.sealing) this.#slice(3)
    this.seal()
    while (this.store.sealing) this.#slice(3)
    if (this.#log === null) return
    this.store = restored(this.#replica)
    this.store.log = this.#log = new ChangeList()
  }

  #slice(budget: number): void {
    const isDone = this.store.sealSlice(budget)
    expect(isDone).toBe(!this.store.sealing)
    if (!isDone || this.#sealing === null) return
    const { log, expected } = this.#sealing
    this.#sealing = null
    log.applyTo(this.#replica)
    expect(contentsOf(restored(this.#replica))).toEqual(expected)
  }
}

describe.each(seeds(16))('seed %i', seed => {
  test.each([true, false])('a store is a map, and its log is what it was at each barrier (log: %s)', persists => {
    const random = seededRandom(seed)
    const harness = new Harness(random, persists)
    const keyCount = random.pick([3, 30, 300])
    for (let i = 0; i < 1500; i++) {
      const what = random.below(30)
      if (what === 0) harness.seal()
      else if (what === 1 && random.below(10) === 0) harness.restart()
      else harness.change(keyCount)
    }
    harness.finish()
    expect(contentsOf(harness.store)).toEqual(harness.model)
    expect(harness.store.size).toBe(harness.model.size)
  })
})

describe('a store', () => {
  const one = (text: string | null = null): Model => ({ number: 1, texts: [text, null] })
  const sealAll = (store: KeyedStore, next: ChangeLog | null): void => {
    store.beginSeal(next)
    while (!store.sealSlice(1)) {}
  }

  test('writes a key that is about to change while it is sealed, once, as it was at the barrier', () => {
    const store = newStore()
    const [first, second] = [new ChangeList(), new ChangeList()]
    store.log = first
    put(store, keyOf(1), one('before'))
    put(store, keyOf(2), one('other'))
    store.beginSeal(second)
    put(store, keyOf(1), { number: 2, texts: ['after', null] })
    expect(first.puts).toBe(1)
    while (!store.sealSlice(1)) {}
    expect(first.puts).toBe(2)
    const entries = new Map<string, StoredEntry>()
    first.applyTo(entries)
    expect(contentsOf(restored(entries)).get(hex(keyOf(1)))).toEqual(one('before'))
    sealAll(store, null)
    second.applyTo(entries)
    expect(contentsOf(restored(entries)).get(hex(keyOf(1)))).toEqual({ number: 2, texts: ['after', null] })
  })

  test('logs a key that is deleted and made again in one epoch as what it is at the end', () => {
    const store = newStore()
    const log = new ChangeList()
    store.log = log
    put(store, keyOf(1), one('old'))
    store.remove(find(store, keyOf(1)))
    put(store, keyOf(1), one('new'))
    sealAll(store, null)
    const entries = new Map<string, StoredEntry>()
    log.applyTo(entries)
    expect(contentsOf(restored(entries))).toEqual(new Map([[hex(keyOf(1)), one('new')]]))
  })

  test('seals no more entries in one slice than it is given', () => {
    const store = newStore()
    const log = new ChangeList()
    store.log = log
    for (let i = 0; i < 10; i++) put(store, keyOf(i), one())
    store.beginSeal(null)
    expect(store.sealSlice(4)).toBe(false)
    expect(log.puts).toBe(4)
    expect(store.sealSlice(4)).toBe(false)
    expect(store.sealSlice(4)).toBe(true)
    expect(log.puts).toBe(10)
    expect(store.sealing).toBe(false)
  })

  test('a slice that is no whole number of entries writes and frees none twice', () => {
    const store = newStore()
    const log = new ChangeList()
    store.log = log
    for (let i = 0; i < 40; i++) put(store, keyOf(i), one())
    for (let i = 0; i < 40; i += 2) store.remove(find(store, keyOf(i)))
    store.beginSeal(null)
    while (!store.sealSlice(1.5)) {}
    expect(log.puts).toBe(20)
    // A block that is freed twice is given to two keys.
    for (let i = 100; i < 140; i++) put(store, keyOf(i), one(`text ${i}`))
    for (let i = 100; i < 140; i++) expect(read(store, find(store, keyOf(i)))).toEqual(one(`text ${i}`))
  })

  test('does not begin an epoch before the one before is sealed', () => {
    const store = newStore()
    put(store, keyOf(1), one())
    store.beginSeal(null)
    expect(() => store.beginSeal(null)).toThrow('still being sealed')
  })

  test('lists what changed in the epoch, without what has been removed since', () => {
    const store = newStore()
    for (let i = 0; i < 3; i++) put(store, keyOf(i), one())
    put(store, keyOf(1), one('again'))
    store.remove(find(store, keyOf(2)))
    const listed = Array.from({ length: store.dirtyCount }, (_, i) => store.dirtyAt(i))
    expect(listed).toEqual([find(store, keyOf(0)), find(store, keyOf(1)), 0])
    expect(store.updatedCount).toBe(3)
    expect(store.removedCount).toBe(1)
    sealAll(store, null)
    expect(store.dirtyCount).toBe(0)
  })

  test.each([true, false])('gives all memory back when everything is removed (log: %s)', persists => {
    const store = newStore()
    store.log = persists ? new ChangeList() : null
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5000; i++) put(store, keyOf(i), one('some text of a size that needs a block'))
      expect(store.usedBytes).toBeGreaterThan(5000 * 64)
      sealAll(store, persists ? new ChangeList() : null)
      for (let i = 0; i < 5000; i++) store.remove(find(store, keyOf(i)))
      sealAll(store, persists ? new ChangeList() : null)
      expect(store.size).toBe(0)
      expect(store.usedBytes).toBe(0)
    }
  })

  test('refuses a stored value of another shape', () => {
    const store = newStore()
    const key = keyOf(1)
    const value = new Uint8Array(VALUE_BYTES + 3)
    value.fill(0xff, 8, 12)
    value.fill(0xff, 16, 20)
    expect(() => store.restore(hashOf(key), key, 0, key.length, value, 0, value.length)).toThrow('a stored value has 27 bytes: expected 24')
  })
})

test('an entry that is restored into an old block has zeros behind its key, whatever was there', () => {
  const store = new KeyedStore({ valueBytes: 8, varSlots: [], timed: false })
  const old = new Uint8Array(16).fill(0xff)
  for (const keyLength of [1, 4, 5, 7, 8, 9, 13, 16]) {
    // Another entry keeps the arena from being emptied.
    if (keyLength === 1) store.insert(1, old, 0, 3, 0)
    store.remove(store.insert(2, old, 0, (keyLength + 7) & ~7, 0))
    const record = Uint8Array.from({ length: keyLength + 8 }, (_, i) => i + 1)
    const handle = store.restore(3, record, 0, keyLength, record, keyLength, 8)
    const { u8 } = store.arena.segments[handle >>> store.arena.segmentShift]
    const at = (handle & store.arena.handleMask) << 3
    const padded = (keyLength + 7) & ~7
    const block = u8.subarray(at + KEY_OFFSET, at + KEY_OFFSET + padded + 8)
    const expected = new Uint8Array(padded + 8)
    expected.set(record.subarray(0, keyLength))
    expected.set(record.subarray(keyLength), padded)
    expect(hex(block)).toBe(hex(expected))
  }
})

test('a store that is not searched counts, logs and lets go of its entries without an index', () => {
  const store = new KeyedStore({ valueBytes: VALUE_BYTES, varSlots: [], timed: true, searched: false })
  const key = new TextEncoder().encode('key')
  const before = store.insert(1, key, 0, key.length, 10)
  expect(find(store, key)).toBe(0)
  expect(store.index.find(1, key, 0, key.length)).toBe(before)
  store.restored()
  expect([store.size, store.index.size]).toEqual([1, 0])
  const later = store.insert(2, key, 0, key.length, 20)
  const loose = store.insertLoose(3, key, 0, key.length)
  expect([store.size, store.index.size]).toEqual([3, 0])
  store.discard(loose)
  const removed: number[] = []
  store.log = { put: () => {}, delete: hash => removed.push(hash) }
  while (store.hasDue(20)) store.remove(store.takeDue())
  expect(removed).toEqual([1, 2])
  expect([store.size, store.usedBytes]).toEqual([0, 0])
  expect(later).not.toBe(before)
})
