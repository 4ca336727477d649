import { expect, test } from 'vitest'
import { HandleList } from '../../src/state/handle-list.ts'

// Goal: what was pushed is there, across chunk borders and after a clear.

test('a list gives back what was pushed, across chunks', () => {
  const list = new HandleList()
  for (let i = 0; i < 40_000; i++) list.push(i * 3)
  expect(list.length).toBe(40_000)
  for (const i of [0, 1, 16_383, 16_384, 32_767, 32_768, 39_999]) expect(list.at(i)).toBe(i * 3)
})

test('a handle above 2^31 comes back as it went in', () => {
  const list = new HandleList()
  list.push(0xfffffff0)
  expect(list.at(0)).toBe(0xfffffff0)
})

test('a list that was cleared begins anew', () => {
  const list = new HandleList()
  for (let i = 0; i < 20_000; i++) list.push(7)
  list.clear()
  expect(list.length).toBe(0)
  for (let i = 0; i < 20_000; i++) list.push(i)
  expect([list.at(0), list.at(16_384), list.length]).toEqual([0, 16_384, 20_000])
})
