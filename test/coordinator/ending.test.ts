import { expect, test } from 'vitest'
import { Ending } from '../../src/coordinator/ending.ts'

// Goal: an end breaks off all waits, early and late ones, and a wait that is over is forgotten. Method: promises settled by hand, each
// order of settling and ending.

const rejected = (reason: unknown): Promise<never> => Promise.reject(reason)

test('a wait says what its promise says, and is forgotten', async () => {
  const ending = new Ending()
  expect(await ending.race(Promise.resolve(1))).toBe(1)
  await expect(ending.race(rejected('no'))).rejects.toBe('no')
  const many = Array.from({ length: 100 }, (_, i) => ending.race(Promise.resolve(i)))
  expect(ending.size).toBe(100)
  expect(await Promise.all(many)).toEqual(many.map((_, i) => i))
  await new Promise(resolve => setImmediate(resolve))
  expect(ending.size).toBe(0)
})

test('the end breaks off all waits with its reason, those that come later too; a second end says nothing', async () => {
  const ending = new Ending()
  const waits = [1, 2].map(() => ending.race(new Promise(() => {})))
  ending.end('over')
  ending.end('over again')
  for (const wait of [...waits, ending.race(new Promise(() => {}))]) await expect(wait).rejects.toBe('over')
})

test('what was settled before the end counts', async () => {
  const ending = new Ending()
  const early = ending.race(Promise.resolve('early'))
  ending.end('over')
  expect(await ending.race(Promise.resolve('still'))).toBe('still')
  await expect(ending.race(rejected('no'))).rejects.toBe('no')
  await expect(early).rejects.toBe('over')
})

test('a promise that is rejected after the end is nobody’s concern', async () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', note)
  const ending = new Ending()
  let reject: (reason: unknown) => void = () => {}
  const wait = ending.race(
    new Promise((_, no) => {
      reject = no
    }),
  )
  ending.end('over')
  await expect(wait).rejects.toBe('over')
  reject('late')
  await new Promise(resolve => setImmediate(resolve))
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})
