import { describe, expect, test } from 'vitest'
import { Slicing } from '../../src/operator/slicing.ts'
import { seededRandom, seeds } from '../support/random.ts'

// Goal: slices are cut so that each lies in a window whole or not at all, and the windows of a time are found. Method: random windows and
// times, against windows counted out one by one.

describe.each(seeds(40))('seed %i', seed => {
  test('the slice of a time lies in exactly the windows that hold the time', () => {
    const random = seededRandom(seed)
    const slideMicros = random.pick([1, 7, 1000, 100_000, 3_600_000_000])
    const sizeMicros = slideMicros * random.pick([1, 2, 5, 13]) + random.pick([0, 0, random.below(slideMicros)])
    const startMicros = random.below(2 * slideMicros - 1) - slideMicros + 1
    const slicing = new Slicing({ sizeMicros, slideMicros, startMicros })
    for (let i = 0; i < 50; i++) {
      // On a border, just before or behind one, or anywhere; before 1970, too.
      const about = random.pick([0, 1_700_000_000_000_000, -1_000_000_007]) + random.below(10 * sizeMicros)
      const border = Math.floor(about / slideMicros) * slideMicros + startMicros + random.pick([0, sizeMicros % slideMicros])
      const time = random.pick([about, border, border - 1, border + 1])
      const windows: number[] = []
      const least = Math.floor((time - sizeMicros - startMicros) / slideMicros - 1) * slideMicros + startMicros
      for (let w = least; w <= time; w += slideMicros) if (w + sizeMicros > time) windows.push(w)
      expect(slicing.firstWindow(time)).toBe(windows[0])
      expect(slicing.lastWindow(time)).toBe(windows[windows.length - 1])
      const [start, end] = [slicing.sliceStart(time), slicing.sliceEnd(time)]
      expect(start <= time && time < end).toBe(true)
      for (const edge of [start, end - 1]) {
        expect([slicing.firstWindow(edge), slicing.lastWindow(edge)]).toEqual([windows[0], windows[windows.length - 1]])
        expect(slicing.sliceStart(edge)).toBe(start)
      }
      // It could not be longer: other windows hold what is beside it.
      for (const beside of [start - 1, end])
        expect([slicing.firstWindow(beside), slicing.lastWindow(beside)]).not.toEqual([windows[0], windows[windows.length - 1]])
    }
  })

  test('the first open window is the first that ends after the watermark', () => {
    const random = seededRandom(seed)
    const slicing = new Slicing({ sizeMicros: 1_000_000 + random.below(3) * 500, slideMicros: 300_000, startMicros: random.below(1000) })
    const millis = 1_700_000_000_000 + random.below(2000)
    const open = slicing.firstOpen(millis)
    expect(slicing.endMillis(open)).toBeGreaterThan(millis)
    expect(slicing.endMillis(open - slicing.slide)).toBeLessThanOrEqual(millis)
    expect(slicing.firstOpen(Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY)
  })
})
