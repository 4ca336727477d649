import { expect, test } from 'vitest'
import { col, WalkwaySession } from '../../src/index.ts'

// Goal: collect, the first thing that a process does, may contain a join, whose table is collected on the way. Method: this file's first
// test is the first collect of its process.

test('a join with a table is collected, and so is one whose table is a join', async () => {
  const session = WalkwaySession.builder().master('inline').create()
  try {
    const left = session.createDataFrame([{ a: 1 }, { a: 2 }], 'a int')
    const right = session.createDataFrame([{ b: 2, name: 'two' }], 'b int, name string')
    const joined = left.join(right, col('a').equalTo(col('b')), 'inner')
    expect(await joined.collect()).toEqual([{ a: 2, b: 2, name: 'two' }])
    const outer = session.createDataFrame([{ c: 2 }, { c: 3 }], 'c int').join(joined, col('c').equalTo(col('a')), 'leftOuter')
    expect(await outer.select('c', 'name').collect()).toEqual([
      { c: 2, name: 'two' },
      { c: 3, name: null },
    ])
  } finally {
    await session.stop()
  }
})
