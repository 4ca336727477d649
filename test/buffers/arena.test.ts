import { Arena, KeyIndex } from 'native-free-buffers'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../support/random.ts'

// Goal: blocks never overlap and keep what is written; the index answers like a Map. Method: random operations against a model, by seed.
describe('arena', () => {
  test.each([1, 2, 3])('blocks keep their bytes whatever else is allocated and freed, seed %i', seed => {
    const random = seededRandom(seed)
    const arena = new Arena()
    const live: { handle: number; bytes: number; mark: number }[] = []
    for (let i = 0; i < 20_000; i++) {
      if (live.length > 0 && random.next() < 0.45) {
        const [block] = live.splice(random.below(live.length), 1)
        const at = (block.handle & arena.handleMask) << 3
        const { u8 } = arena.segments[block.handle >>> arena.segmentShift]
        expect(u8[at]).toBe(block.mark)
        expect(u8[at + block.bytes - 1]).toBe(block.mark)
        arena.free(block.handle, block.bytes)
      } else {
        const bytes = 8 + random.below(random.next() < 0.01 ? 100_000 : 600)
        const handle = arena.allocate(bytes)
        const mark = random.below(256)
        const at = (handle & arena.handleMask) << 3
        arena.segments[handle >>> arena.segmentShift].u8.fill(mark, at, at + bytes)
        live.push({ handle, bytes, mark })
      }
    }
    for (const block of live) arena.free(block.handle, block.bytes)
    expect(arena.usedBytes).toBe(0)
    // All but the first, small, segment has gone back.
    expect(arena.reservedBytes).toBeLessThanOrEqual(2 ** 20)
  })

  test('a block above a quarter of a segment has one to itself and gives it back', () => {
    const arena = new Arena()
    const small = arena.allocate(8)
    const large = arena.allocate(20_000_000)
    expect(arena.segments[large >>> arena.segmentShift].u8.length).toBeGreaterThanOrEqual(20_000_000)
    const before = arena.reservedBytes
    arena.free(large, 20_000_000)
    expect(before - arena.reservedBytes).toBeGreaterThanOrEqual(20_000_000)
    arena.free(small, 8)
    expect(arena.reservedBytes).toBeLessThanOrEqual(2 ** 20)
  })
})

describe('key index', () => {
  const hashOf = (text: string, bits: number): number => {
    let h = 7
    for (const c of text) h = (Math.imul(h, 31) + c.charCodeAt(0)) | 0
    return Math.imul(h, 0x9e3779b1) >> (32 - bits)
  }

  // Few hash bits make long chains; many make splits and merges.
  test.each([
    [11, 4],
    [12, 10],
    [13, 32],
  ])('answers like a Map while it grows and shrinks, seed %i, %i bits of hash', (seed, bits) => {
    const random = seededRandom(seed)
    const arena = new Arena()
    const index = new KeyIndex(arena)
    const model = new Map<string, number>()
    const encoder = new TextEncoder()
    for (const share of [0.8, 0.3, 0.9, 0.1]) {
      for (let i = 0; i < 6000; i++) {
        const text = `key-${random.below(4000)}`
        const key = encoder.encode(text)
        const hash = hashOf(text, bits)
        const found = index.find(hash, key, 0, key.length)
        expect(found).toBe(model.get(text) ?? 0)
        if (found === 0 && random.next() < share) {
          model.set(text, index.insert(hash, key, 0, key.length, 16))
        } else if (found !== 0 && random.next() > share) {
          index.remove(found)
          arena.free(found, 16 + ((key.length + 7) & ~7) + 16)
          model.delete(text)
        }
      }
      expect(index.size).toBe(model.size)
      const seen = new Set<number>()
      const cursor = index.cursor()
      for (let h = cursor.next(); h !== 0; h = cursor.next()) seen.add(h)
      expect(seen).toEqual(new Set(model.values()))
      expect(cursor.next()).toBe(0)
    }
  })
})
