import { DOORBELL_BYTES, Doorbell, IdleStrategy } from 'native-free-buffers'
import { describe, expect, test } from 'vitest'
import { seededRandom, seeds } from '../support/random.ts'
import { within } from '../support/within.ts'

// Goal: a sleeper is woken, sleeps no longer than it said, and sleeps at all only when its strategy says so. Method: one thread plays both
// sides at random; what several threads do to each other is the model's and the soak's.

const NEVER = (): boolean => false
/** Longer than a test waits. */
const LONG_MILLIS = 600_000

describe('doorbell', () => {
  test('nobody sleeps who has work, and a sleep ends by itself', async () => {
    const bell = new Doorbell(new SharedArrayBuffer(DOORBELL_BYTES), 0)
    bell.park(LONG_MILLIS, () => true)
    await bell.parkAsync(LONG_MILLIS, () => true)
    bell.park(1, NEVER)
    await bell.parkAsync(1, NEVER)
  })

  test('a ring while the sleeper looks for work is not lost', async () => {
    const bell = new Doorbell(new SharedArrayBuffer(DOORBELL_BYTES), 0)
    const look = (): boolean => {
      bell.ring()
      return false
    }
    bell.park(LONG_MILLIS, look)
    await within(bell.parkAsync(LONG_MILLIS, look), () => 'asleep')
  })

  test.each(seeds(5))('a sleeper on an event loop is woken, and leaves no waiter behind, seed %i', async seed => {
    const random = seededRandom(seed)
    const buffer = new SharedArrayBuffer(2 * DOORBELL_BYTES)
    const bell = new Doorbell(buffer, DOORBELL_BYTES)
    const words = new Int32Array(buffer)
    for (let i = 0; i < 40; i++) {
      // Rung before it sleeps, a ring is forgotten: that is what `hasWork` is for.
      if (random.next() < 0.3) bell.ring()
      const isRung = random.next() < 0.7
      const sleep = bell.parkAsync(isRung ? LONG_MILLIS : random.below(3), NEVER)
      if (isRung) {
        if (random.next() < 0.5) await new Promise(resolve => setImmediate(resolve))
        bell.ring()
      }
      await within(sleep, () => `asleep in round ${i}`)
      expect(words[DOORBELL_BYTES >> 2]).toBe(0)
      expect(Atomics.notify(words, DOORBELL_BYTES >> 2)).toBe(0)
    }
  })
})

describe('idle strategy', () => {
  test('spin never sleeps, park does at the first idle turn', () => {
    const [spin, park] = [new IdleStrategy('spin'), new IdleStrategy('park')]
    for (let i = 0; i < 10_000; i++) {
      expect(spin.shouldSleep(false)).toBe(false)
      expect(park.shouldSleep(false)).toBe(true)
    }
    expect(park.shouldSleep(true)).toBe(false)
  })

  /** How many idle turns until it sleeps, at most as many as the gap is long. */
  const idleTurns = (strategy: IdleStrategy, gap: number): number => {
    let turns = gap
    for (let i = 1; i <= gap; i++) {
      if (!strategy.shouldSleep(false)) continue
      turns = i
      break
    }
    strategy.shouldSleep(true)
    return turns
  }

  test.each(seeds(10))('adaptive never waits longer than its most nor shorter than a 64th, seed %i', seed => {
    const random = seededRandom(seed)
    const most = 64 * (1 + random.below(40))
    const strategy = new IdleStrategy('adaptive', most)
    for (let i = 0; i < 300; i++) {
      const gap = random.below(random.pick([4, most, 3 * most]))
      const turns = idleTurns(strategy, gap)
      expect(turns).toBeLessThanOrEqual(most + 1)
      if (turns < gap) expect(turns).toBeGreaterThan(most / 64)
    }
  })

  test('adaptive learns that events are rare, and that they have become frequent again', () => {
    const strategy = new IdleStrategy('adaptive', 640)
    const turns = Array.from({ length: 64 }, () => idleTurns(strategy, 10_000))
    expect(turns.filter(each => each === 11).length).toBeGreaterThan(40)
    // A probe now and then shows it that spinning would do.
    for (let i = 0; i < 64; i++) idleTurns(strategy, 300)
    expect(idleTurns(strategy, 600)).toBe(600)
  })
})
