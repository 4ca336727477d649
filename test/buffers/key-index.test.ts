import { Arena, ENTRY_KEY_OFFSET, KeyIndex, mixWords } from 'native-free-buffers'
import { describe, expect, test } from 'vitest'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'

// Goal: the index answers like a Map, and no operation on it is ever long. Method: random operations beside a Map, by seed, with keys of
// all lengths and hashes from good to very bad; what growing and shrinking move is counted at each step.

interface Key {
  readonly bytes: Uint8Array
  readonly hash: number
}

const hashOf = (bytes: Uint8Array, bits: number): number => {
  let h = 7
  for (const byte of bytes) h = Math.imul(h ^ byte, 0x01000193)
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
  return bits === 0 ? 0 : (h ^ (h >>> 13)) >> (32 - bits)
}

const drawKeys = (random: SeededRandom, count: number, bits: number): Map<string, Key> => {
  const keys = new Map<string, Key>()
  while (keys.size < count) {
    const length = random.pick([4, 8, 9, random.below(20) + 3, random.below(200) + 3])
    const bytes = Uint8Array.from({ length }, () => random.below(256))
    keys.set(bytes.join(), { bytes, hash: hashOf(bytes, bits) })
  }
  return keys
}

const blockBytes = (key: Key): number => ENTRY_KEY_OFFSET + ((key.bytes.length + 7) & ~7) + VALUE_BYTES
const VALUE_BYTES = 16

describe.each(seeds(4))('seed %i', seed => {
  test.each([0, 5, 32])('answers like a Map while it grows and shrinks, %i bits of hash', bits => {
    const random = seededRandom(seed)
    const keys = [...drawKeys(random, bits === 0 ? 60 : 1500, bits)]
    const arena = new Arena()
    const index = new KeyIndex(arena)
    const model = new Map<string, number>()
    // Keys are looked up in the middle of a larger array.
    const scratch = new Uint8Array(300)
    for (const share of [0.9, 0.2, 0.7, 0]) {
      for (let i = 0; i < 2 * keys.length; i++) {
        const [text, key] = random.pick(keys)
        const at = random.below(50)
        scratch.set(key.bytes, at)
        const found = index.find(key.hash, scratch, at, key.bytes.length)
        if (found !== (model.get(text) ?? 0)) throw new Error(`${text} is found at ${found} instead of ${model.get(text)}`)
        if (found === 0 && random.next() < share) {
          const handle = index.insert(key.hash, scratch, at, key.bytes.length, VALUE_BYTES)
          const { u8 } = arena.segments[handle >>> arena.segmentShift]
          const value = ((handle & arena.handleMask) << 3) + blockBytes(key) - VALUE_BYTES
          if (u8.subarray(value, value + VALUE_BYTES).some(byte => byte !== 0)) throw new Error('a new value is not zeroed')
          u8.fill(0xff, value, value + VALUE_BYTES)
          model.set(text, handle)
        } else if (found !== 0 && random.next() > share) {
          index.remove(found)
          arena.free(found, blockBytes(key))
          model.delete(text)
        }
      }
      expect(index.size).toBe(model.size)
    }
    const seen: number[] = []
    const cursor = index.cursor()
    for (let handle = cursor.next(); handle !== 0; handle = cursor.next()) seen.push(handle)
    expect(seen.sort((a, b) => a - b)).toEqual([...model.values()].sort((a, b) => a - b))
    for (const [text, handle] of model) {
      index.remove(handle)
      arena.free(handle, blockBytes(keys.find(([each]) => each === text)?.[1] as Key))
    }
    expect([index.size, arena.usedBytes]).toEqual([0, 0])
  })

  test.each([40, 30_000])('cleared with %i entries, it is as new, and the blocks are still there', count => {
    const arena = new Arena()
    const index = new KeyIndex(arena)
    const key = new Uint8Array(new Int32Array(1).buffer)
    const keyOf = (n: number): Uint8Array => {
      new Int32Array(key.buffer)[0] = n
      return key
    }
    const handles = Array.from({ length: count }, (_, n) => index.insert(Math.imul(n, 7), keyOf(n), 0, 4, 8))
    const loose = index.allocate(5, keyOf(-1), 0, 4, 8)
    const used = arena.usedBytes
    index.clear()
    expect([index.size, arena.usedBytes, index.cursor().next()]).toEqual([0, used, 0])
    for (let n = 0; n < count; n++) expect(index.find(Math.imul(n, 7), keyOf(n), 0, 4)).toBe(0)
    const again = index.insert(7, keyOf(1), 0, 4, 8)
    expect(index.find(7, keyOf(1), 0, 4)).toBe(again)
    index.remove(again)
    for (const handle of [...handles, loose, again]) arena.free(handle, 16 + 8 + 8)
    expect(arena.usedBytes).toBe(0)
  })

  test('an insertion or a removal moves few entries, however many there are', () => {
    const random = seededRandom(seed)
    const arena = new Arena()
    const index = new KeyIndex(arena)
    const handles: number[] = []
    const key = new Uint8Array(8)
    const words = new Int32Array(key.buffer)
    let most = 0
    const step = (change: () => void): void => {
      const before = index.movedCount
      change()
      most = Math.max(most, index.movedCount - before)
    }
    const count = 20_000
    for (let i = 0; i < count; i++) {
      words.set([i, random.below(2 ** 31)])
      const hash = hashOf(key, 32)
      const before = index.findFixed8(hash, words[0], words[1])
      step(() => handles.push(index.insert(hash, key, 0, 8, 8)))
      if (before !== 0 || index.findFixed8(hash, words[0], words[1]) !== handles[i]) throw new Error(`key ${i} is not where it should be`)
      if (index.findWords(hash, words, 2) !== handles[i] || index.findWords(hash, words, 1) !== 0) throw new Error(`key ${i} by words`)
      words[1] ^= 1
      if (index.findWords(hash, words, 2) !== 0) throw new Error(`another key than ${i} by its hash`)
    }
    for (const handle of handles) {
      step(() => index.remove(handle))
      arena.free(handle, 32)
    }
    // A bucket holds seven and five on average; a chain of more than five buckets does not come with a hash that is any good.
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThan(36)
    expect(index.reservedBytes).toBe(new KeyIndex(arena).reservedBytes)
  })

  test.each([
    ['the mix of their words', true],
    ['their hash', false],
  ])('entries that were found lately are found by %s, also while the index grows and shrinks', (_, mixes) => {
    const random = seededRandom(seed)
    const arena = new Arena()
    const index = new KeyIndex(arena)
    index.front.use(mixes)
    const before = index.reservedBytes
    const model = new Map<number, number>()
    const key = new Uint8Array(8)
    const words = new Int32Array(key.buffer)
    // As generated code does, which reads the front once a burst.
    let { places, shift } = index.front
    let [hits, most] = [0, 0]
    const find = (hash: number): number => {
      const mix = mixes ? mixWords(words, 0, 2) : hash
      const place = (mix >>> shift) << 1
      if (places[place] === mix) {
        const handle = places[place + 1]
        const { i32 } = arena.segments[handle >>> arena.segmentShift]
        const at = (handle & arena.handleMask) << 1
        if (index.find(i32[at], new Uint8Array(i32.buffer, (at + 4) << 2, 8), 0, 8) !== handle) throw new Error('an entry that is gone')
        if (i32[at + 4] === words[0] && i32[at + 5] === words[1]) {
          hits++
          return handle
        }
      }
      const handle = index.findFixed8(hash, words[0], words[1])
      if (handle !== 0) index.front.remember(mix, handle)
      return handle
    }
    let keyCount = 50
    // From a handful to more than the front has places for, and back.
    for (const share of [0.9, 0.5, 0.9, 0.9, 0.9, 0.98, 0.02, 0.5]) {
      for (let i = 0; i < 2 * keyCount; i++) {
        if (random.below(200) === 0) ({ places, shift } = index.front)
        const number = random.below(keyCount)
        words.set([number, -(number % 3)])
        // Some have all their bits in common with others.
        const hash = hashOf(key, 32) & (number < 50 ? 0xf000000f : -1)
        const found = find(hash)
        if (found !== (model.get(number) ?? 0)) throw new Error(`key ${number} is found at ${found} instead of ${model.get(number)}`)
        if (found === 0 && random.next() < share) {
          const handle = index.insert(hash, key, 0, 8, 8)
          model.set(number, handle)
          index.front.remember(mixes ? mixWords(words, 0, 2) : hash, handle)
        } else if (found !== 0 && random.next() > share) {
          index.remove(found)
          arena.free(found, 32)
          model.delete(number)
        }
      }
      keyCount = Math.min(mixes ? 90_000 : 9_000, 5 * keyCount)
      most = Math.max(most, index.size)
    }
    if (mixes) expect(most).toBeGreaterThan(2 ** 16)
    expect(hits).toBeGreaterThan(1000)
    for (const handle of model.values()) {
      index.remove(handle)
      arena.free(handle, 32)
    }
    expect([index.size, index.reservedBytes]).toEqual([0, before])
  })

  test('an index that knows how many come moves none of them, and gives its memory back when they have gone', () => {
    const random = seededRandom(seed)
    const arena = new Arena()
    const index = new KeyIndex(arena)
    const least = index.reservedBytes
    const count = 20_000 + random.below(20_000)
    index.reserve(count)
    const key = new Uint8Array(8)
    const words = new Int32Array(key.buffer)
    const handles: number[] = []
    for (let i = 0; i < count; i++) {
      words.set([i, seed])
      handles.push(index.insert(hashOf(key, 32), key, 0, 8, 8))
    }
    expect(index.movedCount).toBe(0)
    for (let i = 0; i < count; i++) {
      words.set([i, seed])
      const hash = hashOf(key, 32)
      index.touch(Int32Array.of(hash), 1)
      if (index.findFixed8(hash, i, seed) !== handles[i]) throw new Error(`key ${i} is not where it should be`)
    }
    const cursor = index.cursor()
    const visited = new Set<number>()
    for (let handle = cursor.next(); handle !== 0; handle = cursor.next()) visited.add(handle)
    expect(visited.size).toBe(count)
    // It is full: there is nothing to reserve.
    index.reserve(10 * count)
    for (const handle of handles) {
      index.remove(handle)
      arena.free(handle, 32)
    }
    expect(index.reservedBytes).toBe(least)
    expect(arena.reservedBytes).toBeLessThanOrEqual(2 ** 20)
    const again = index.insert(7, key, 0, 8, 8)
    expect(index.find(7, key, 0, 8)).toBe(again)
  })

  test('an index that expected more than came is as good as another', () => {
    const index = new KeyIndex(new Arena())
    index.reserve(100_000)
    const keys = [...drawKeys(seededRandom(seed), 50, 32).values()]
    const handles = keys.map(({ bytes, hash }) => index.insert(hash, bytes, 0, bytes.length, VALUE_BYTES))
    for (const [k, { bytes, hash }] of keys.entries()) {
      expect(index.find(hash, bytes, 0, bytes.length)).toBe(handles[k])
      index.remove(handles[k])
      expect(index.find(hash, bytes, 0, bytes.length)).toBe(0)
    }
    expect(index.size).toBe(0)
  })
})
