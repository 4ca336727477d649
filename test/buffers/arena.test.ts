import { Arena } from 'native-free-buffers'
import { describe, expect, test } from 'vitest'
import { seededRandom, seeds } from '../support/random.ts'

// Goal: blocks never overlap and keep what is written. Method: random operations against a model, by seed.
describe('arena', () => {
  test.each(seeds(3))('blocks keep their bytes whatever else is allocated and freed, seed %i', seed => {
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
