import { describe, expect, test } from 'vitest'
import {
  compareBytes,
  compareText,
  copyBytes,
  copyWords,
  decodeUtf8,
  encodeAscii,
  encodeUtf8,
  equalBytes,
  Scratch,
  utf8Length,
} from '../../src/record/strings.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'

const encoder = new TextEncoder()

const alphabet = ['a', 'Z', '\u0000', '\u007f', '\u0080', 'é', '\u07ff', '\u0800', '日', '\ud7ff', '\ue000', '\uffff', '🙂', '\u{10ffff}']

/** Also lone surrogates, when `broken`. */
const randomText = (random: SeededRandom, broken: boolean): string => {
  const letters = random.next() < 0.4 ? ['a', 'b', 'c'] : broken ? [...alphabet, '\ud800', '\udfff'] : alphabet
  return Array.from({ length: random.below(random.pick([4, 20, 60])) }, () => random.pick(letters)).join('')
}

// Goal: the same as the platform does, shared memory or not. Method: random text of every width, by seed.
describe('strings as bytes', () => {
  test.each(seeds(60))('are encoded, measured and decoded as TextEncoder does, seed %i', seed => {
    const random = seededRandom(seed)
    for (const memory of [new ArrayBuffer(512), new SharedArrayBuffer(512)]) {
      for (let i = 0; i < 50; i++) {
        const text = randomText(random, true)
        const wanted = encoder.encode(text)
        const target = new Uint8Array(memory)
        target.fill(0x55)
        expect(utf8Length(text)).toBe(wanted.length)
        expect(encodeUtf8(text, target, 9)).toBe(wanted.length)
        expect(target.slice(9, 9 + wanted.length)).toEqual(wanted)
        expect(target[8]).toBe(0x55)
        expect(target[9 + wanted.length]).toBe(0x55)
        expect(decodeUtf8(target, 9, wanted.length)).toBe(text.toWellFormed())
        target.fill(0x55)
        const isAscii = wanted.length === text.length
        expect(encodeAscii(text, target, 9)).toBe(isAscii ? text.length : -1)
        if (isAscii) expect(target.slice(9, 9 + text.length)).toEqual(wanted)
        expect(target[9 + text.length + 4]).toBe(0x55)
        const scratch = new Scratch(1)
        expect(scratch.encode(text)).toBe(wanted.length)
        expect(scratch.u8.slice(0, wanted.length)).toEqual(wanted)
      }
    }
  })

  test.each(seeds(20))('compare in byte order, which is the order of code points, seed %i', seed => {
    const random = seededRandom(seed + 100)
    for (let i = 0; i < 100; i++) {
      const left = randomText(random, false)
      const right = random.next() < 0.3 ? left + randomText(random, false) : randomText(random, false)
      const [a, b] = [encoder.encode(`.${left}`), encoder.encode(`..${right}`)]
      const sign = Math.sign(Buffer.compare(Buffer.from(left), Buffer.from(right)))
      expect(Math.sign(compareBytes(a, 1, a.length - 1, b, 2, b.length - 2))).toBe(sign)
      expect(Math.sign(compareText(left, right))).toBe(sign)
      expect(equalBytes(a, 1, a.length - 1, b, 2, b.length - 2)).toBe(sign === 0)
    }
  })

  test.each([0, 1, 3, 4, 40, 41, 159, 160, 161, 500])('%i bytes are copied, and little else is touched', length => {
    const source = Uint8Array.from({ length: 600 }, (_, i) => (i * 7) & 255)
    for (const words of [false, true]) {
      const target = new Uint8Array(600).fill(0x55)
      if (words) copyWords(source, new Int32Array(source.buffer), 8, length, target, new Int32Array(target.buffer), 12)
      else copyBytes(source, 8, length, target, 12)
      expect(target.slice(12, 12 + length)).toEqual(source.slice(8, 8 + length))
      expect(target.slice(0, 12).every(byte => byte === 0x55)).toBe(true)
      expect(target.slice(12 + length + (words ? 3 : 0)).every(byte => byte === 0x55)).toBe(true)
    }
  })
})
