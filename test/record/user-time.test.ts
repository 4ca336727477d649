import { describe, expect, test } from 'vitest'
import { daysOf, parseDays, parseMicros } from '../../src/record/user-time.ts'
import { seededRandom } from '../support/random.ts'

describe('dates and timestamps as text', () => {
  test('agree with the platform on random instants of eighteen thousand years', () => {
    const random = seededRandom(7)
    for (let i = 0; i < 5000; i++) {
      const millis = Math.floor((random.next() - 0.5) * 2 * 2.8e14)
      const text = new Date(millis).toISOString()
      expect([text, parseMicros(text)]).toEqual([text, millis * 1000])
      expect(parseDays(text.slice(0, text.indexOf('T')))).toBe(Math.floor(millis / 86_400_000))
    }
  })

  test('agree on every day around leap years', () => {
    for (const year of [1600, 1899, 1900, 1970, 1999, 2000, 2024, 2100]) {
      for (let month = 1; month <= 12; month++) {
        for (let day = 0; day <= 32; day++) {
          const date = new Date(Date.UTC(year, month - 1, day))
          const wanted = date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getTime() / 86_400_000 : Number.NaN
          expect([year, month, day, daysOf(year, month, day)]).toEqual([year, month, day, wanted])
        }
      }
    }
  })

  test.each([
    ['2024-02-29', 1709164800000000],
    ['2024-02-29 01:02', 1709168520000000],
    ['2024-02-29T01:02:03.123456Z', 1709168523123456],
    ['2024-02-29T01:02:03.1234569Z', 1709168523123456],
    ['2024-02-29T01:02:03+02:00', 1709161323000000],
    ['2024-02-29T01:02:03 -0530', 1709188323000000],
    ['1969-12-31T23:59:59.999999Z', -1],
  ])('%s is %i micros', (text, micros) => {
    expect(parseMicros(text)).toBe(micros)
  })

  test.each([
    '',
    'now',
    '2024',
    '2024-13-01',
    '2023-02-29',
    '2024-02-29T24:00',
    '2024-02-29T01:60',
    '2024-02-29T01:02:03+19:00',
    '999999-01-01',
    ' 2024-02-29',
  ])('%j is no timestamp', text => {
    expect(parseMicros(text)).toBeNaN()
  })
})
