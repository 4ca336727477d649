import { describe, expect, test } from 'vitest'
import { CURRENT, NEXT_WINDOW, SLICE_TAG, SliceStore } from '../../src/state/slice-store.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { ChangeList, type StoredEntry } from './change-list.ts'

// Goal: a store of slices is a map from key and start, kept in order, and a log holds each epoch as it was at its barrier. Method: random
// operations against a Map, epochs sealed in random slices while keys change, and each log applied to a copy.

const SLICE_BYTES = 40
const [NUMBER, TEXT] = [16, 24]
const SECOND = 1_000_000

type Model = Map<string, Map<number, { number: number; text: string | null }>>

const keyOf = (n: number): Uint8Array => new TextEncoder().encode(`key ${n}`.padEnd(8 * (1 + (n % 3)), '.'))
const nameOf = (key: Uint8Array): string => new TextDecoder().decode(key)
// A poor hash on purpose: several keys share one.
const hashOf = (key: Uint8Array): number => (key[4] * 3) & 15

const newStore = (): SliceStore => new SliceStore({ sliceBytes: SLICE_BYTES, varSlots: [TEXT] })

const find = (store: SliceStore, key: Uint8Array): number => store.index.find(hashOf(key), key, 0, key.length)

/** What an operator's generated code does to a slice. */
const put = (store: SliceStore, key: Uint8Array, start: number, number: number, text: string | null): void => {
  let handle = find(store, key)
  if (handle === 0) handle = store.insert(hashOf(key), key, 0, key.length)
  store.sought[0] = start
  store.seek(handle)
  const block = store.blockOf(handle)
  const { i32, f64 } = store.viewsOf(block)
  const place = store.viewsOf(handle).i32[(store.valueAt(handle) + CURRENT) >> 2]
  const at = ((block & store.arena.handleMask) << 3) + place
  if (store.tracking && i32[(at + SLICE_TAG) >> 2] !== store.tag) store.markSlice(handle)
  f64[(at + NUMBER) >> 3] = number
  if (text === null) return
  const bytes = new TextEncoder().encode(text)
  store.bytes.set(block, place + TEXT, bytes, 0, bytes.length)
}

const contentsOf = (store: SliceStore): Model => {
  const contents: Model = new Map()
  const cursor = store.index.cursor()
  for (let handle = cursor.next(); handle !== 0; handle = cursor.next()) {
    const entry = store.viewsOf(handle)
    const offset = (handle & store.arena.handleMask) << 3
    const slices: Model extends Map<string, infer S> ? S : never = new Map()
    const { u8, i32, f64 } = store.viewsOf(store.blockOf(handle))
    let at = store.firstAt(handle)
    for (let i = store.countOf(handle); i > 0; i--, at += SLICE_BYTES) {
      const block = i32[(at + TEXT) >> 2] >>> 0
      let text: string | null = null
      if (block !== 0) {
        const from = (block & store.arena.handleMask) << 3
        text = new TextDecoder().decode(u8.subarray(from + 8, from + 8 + i32[from >> 2]))
      }
      slices.set(f64[at >> 3], { number: f64[(at + NUMBER) >> 3], text })
    }
    contents.set(nameOf(entry.u8.subarray(offset + 16, offset + 16 + entry.i32[(offset + 4) >> 2])), slices)
  }
  return contents
}

const restored = (entries: ReadonlyMap<string, StoredEntry>, random: SeededRandom): SliceStore => {
  const store = newStore()
  const shuffled = [...entries.values()].sort(() => random.next() - 0.5)
  for (const { hash, key, value } of shuffled) {
    expect(store.holds(hash, key, 0, key.length)).toBe(false)
    store.restore(hash, key, 0, key.length, value, 0, value.length)
    expect(store.holds(hash, key, 0, key.length)).toBe(true)
  }
  return store
}

const copyOf = (model: Model): Model => new Map([...model].map(([key, slices]) => [key, new Map(slices)]))

const sizeOf = (model: Model): number => [...model.values()].reduce((sum, slices) => sum + slices.size, 0)

describe.each(seeds(16))('seed %i', seed => {
  test.each([true, false])('a store is a map, and its log is what it was at each barrier (log: %s)', persists => {
    const random = seededRandom(seed)
    const keyCount = random.pick([2, 20])
    const disorder = random.pick([1, 4, 60])
    let store = newStore()
    let log = persists ? new ChangeList() : null
    store.log = log
    const model: Model = new Map()
    let frozen: { log: ChangeList; expected: Model; done: number } | null = null
    const replica = new Map<string, StoredEntry>()
    let now = 1_700_000_000 * SECOND

    const slice = (budget: number): void => {
      if (!store.sealSlice(budget) || frozen === null) return
      frozen.log.applyTo(replica)
      const copy = restored(replica, random)
      expect(contentsOf(copy)).toEqual(frozen.expected)
      expect(copy.doneMillis).toBe(frozen.done)
      frozen = null
    }
    const seal = (): void => {
      while (store.sealing) slice(1 + random.below(5))
      const ended = log
      log = persists ? new ChangeList() : null
      store.beginSeal(log)
      if (ended !== null) frozen = { log: ended, expected: copyOf(model), done: store.doneMillis }
    }

    for (let i = 0; i < 1500; i++) {
      now += random.below(2) * SECOND
      const key = keyOf(random.below(keyCount))
      const name = nameOf(key)
      switch (random.below(12)) {
        case 0:
          if (store.sealing) slice(random.below(3))
          else if (random.below(4) === 0) seal()
          break
        case 1: {
          // Lets go of the oldest slices of a key, as when their last window is over.
          const handle = find(store, key)
          const slices = model.get(name)
          expect(handle !== 0).toBe(slices !== undefined)
          if (slices === undefined) break
          const dropped = random.below(slices.size + 1)
          store.dropOldest(handle, dropped)
          for (const start of [...slices.keys()].sort((a, b) => a - b).slice(0, dropped)) slices.delete(start)
          if (slices.size > 0) break
          store.remove(handle)
          model.delete(name)
          break
        }
        case 2:
          store.doneMillis = now / 1000
          break
        case 3:
          if (persists && random.below(20) === 0) {
            // The job dies and comes back from what was sealed last; only right after a barrier does that equal the model.
            seal()
            while (store.sealing) slice(3)
            store = restored(replica, random)
            store.log = log = new ChangeList()
          }
          break
        default: {
          const start = now - random.below(disorder) * SECOND
          const [number, text] = [random.below(1000), random.below(3) === 0 ? null : 'é'.repeat(random.below(20))]
          const slices = model.get(name) ?? new Map()
          put(store, key, start, number, text)
          slices.set(start, { number, text: text ?? slices.get(start)?.text ?? null })
          model.set(name, slices)
        }
      }
    }
    seal()
    while (store.sealing) slice(1000)
    expect(contentsOf(store)).toEqual(model)
    for (const slices of contentsOf(store).values()) expect([...slices.keys()]).toEqual([...slices.keys()].sort((a, b) => a - b))
    expect(store.size).toBe(sizeOf(model))
    const cursor = store.index.cursor()
    const handles: number[] = []
    for (let handle = cursor.next(); handle !== 0; handle = cursor.next()) handles.push(handle)
    for (const handle of handles) {
      store.dropOldest(handle, store.countOf(handle))
      store.remove(handle)
    }
    model.clear()
    for (let i = 0; i < 2; i++) {
      seal()
      while (store.sealing) slice(1000)
    }
    expect(store.usedBytes).toBe(0)
  })

  test('a key can be moved from one time to another', () => {
    const random = seededRandom(seed)
    const store = newStore()
    const due = new Map<number, number>()
    const times = [10, 20, 30]
    for (let i = 0; i < 400; i++) {
      const key = keyOf(random.below(30))
      let handle = find(store, key)
      if (handle === 0) handle = store.insert(hashOf(key), key, 0, key.length)
      const before = due.get(handle)
      if (before !== undefined) store.unschedule(handle, before)
      const time = random.pick(times)
      store.schedule(handle, store.times.at(time))
      due.set(handle, time)
    }
    for (const time of times) {
      const expected = [...due].filter(([, at]) => at === time).map(([handle]) => handle)
      if (store.times.least() !== time) {
        expect(expected).toEqual([])
        continue
      }
      const found: number[] = []
      for (let handle = store.times.take(); handle !== 0; handle = store.nextOf(handle)) found.push(handle)
      expect(found.sort()).toEqual(expected.sort())
    }
  })
})

test('a new key is due never', () => {
  const store = newStore()
  const key = keyOf(1)
  const handle = store.insert(hashOf(key), key, 0, key.length)
  expect(store.viewsOf(handle).f64[(store.valueAt(handle) + NEXT_WINDOW) >> 3]).toBe(Number.POSITIVE_INFINITY)
  expect(store.size).toBe(0)
})

test('a checkpoint follows the change: one slice of a key with many', () => {
  const store = newStore()
  store.log = new ChangeList()
  for (let i = 0; i < 1000; i++) put(store, keyOf(1), i * SECOND, i, null)
  const next = new ChangeList()
  store.beginSeal(next)
  while (!store.sealSlice(1)) {}
  put(store, keyOf(1), 500 * SECOND, -1, null)
  store.beginSeal(null)
  while (!store.sealSlice(1)) {}
  expect(next.puts).toBe(1)
})
