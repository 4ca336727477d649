import { expect, test } from 'vitest'
import { ManualClock } from '../../src/base/clock.ts'
import { EngineError } from '../../src/base/errors.ts'
import type { SourceOffset } from '../../src/connector/connector.ts'
import { advanced, leastOf, reaches } from '../../src/coordinator/positions.ts'
import { Restarts } from '../../src/coordinator/restarts.ts'
import { RunControl } from '../../src/coordinator/run-control.ts'
import type { Trigger } from '../../src/plan/logical-plan.ts'

// Goal: what cuts a wait short and what does not; when a query is started again and when it stays down. Method: a clock that only the test
// moves, and each rule at the moment when it turns.

const START_MILLIS = 1_000_250
const everySecond: Trigger = { kind: 'processingTime', intervalMillis: 1000 }

const controlOf = (trigger: Trigger = everySecond): { control: RunControl; clock: ManualClock } => {
  const clock = new ManualClock(START_MILLIS)
  return { control: new RunControl(clock, trigger), clock }
}

/** Whether a wait is over once everything that can happen at this moment has happened. */
const isOver = async (wait: Promise<void>): Promise<boolean> => {
  let over = false
  void wait.then(() => {
    over = true
  })
  await new Promise(resolve => setImmediate(resolve))
  return over
}

test('a pause ends with its time, a flush, another trigger or a stop', async () => {
  const ends: ((control: RunControl, clock: ManualClock) => void)[] = [
    (_, clock) => clock.advance(1),
    control => control.flush(),
    control => {
      control.trigger = { kind: 'realTime', intervalMillis: 10 }
    },
    control => control.stop(),
  ]
  for (const end of ends) {
    const { control, clock } = controlOf()
    const wait = control.pause(100)
    clock.advance(99)
    expect(await isOver(wait)).toBe(false)

    end(control, clock)
    expect(await isOver(wait)).toBe(true)
    expect(clock.waiting).toBe(0)
  }
})

test('a flush that comes between two epochs is not forgotten, and one that is answered is', async () => {
  const { control } = controlOf()
  control.flush()
  expect(await isOver(control.pauseUnlessFlushed(100))).toBe(true)
  expect(await isOver(control.pauseUnlessFlushed(100))).toBe(true)
  control.answerFlushes()
  const wait = control.pauseUnlessFlushed(100)
  expect(await isOver(wait)).toBe(false)
  control.flush()
  expect(await isOver(wait)).toBe(true)
})

test('a micro-batch begins at the next multiple of its interval; a flush does not hurry it, another trigger does', async () => {
  const { control, clock } = controlOf()
  const wait = control.pauseUntilNext(1000)
  clock.advance(749)
  control.flush()
  expect(await isOver(wait)).toBe(false)
  clock.advance(1)
  expect(await isOver(wait)).toBe(true)
  const second = control.pauseUntilNext(1000)
  expect(await isOver(second)).toBe(false)
  control.trigger = { kind: 'processingTime', intervalMillis: 500 }
  expect(await isOver(second)).toBe(true)
})

test('the wait before a restart goes through flushes and triggers, and ends with a stop', async () => {
  const { control, clock } = controlOf()
  const wait = control.sleep(1000)
  control.flush()
  control.trigger = { kind: 'once' }
  clock.advance(999)
  expect(await isOver(wait)).toBe(false)
  control.stop()
  expect(await isOver(wait)).toBe(true)
})

test('a query is started again after ever longer waits, until it has failed too often within the time', () => {
  const restarts = new Restarts({ most: 3, withinMillis: 1000, firstMillis: 10, longestMillis: 25 })
  const error = new Error('gone')
  expect([0, 1, 2].map(now => restarts.waitAfter(error, now))).toEqual([10, 20, 25])
  // The first of them is just old enough not to count.
  expect(restarts.waitAfter(error, 1000)).toBe(25)
  expect(() => restarts.waitAfter(error, 1000)).toThrow(expect.objectContaining({ code: 'RESTART_LIMIT' }))
  // After a quiet time it begins anew.
  expect(restarts.waitAfter(error, 5000)).toBe(10)
})

test('what only the user can mend ends the query at once', () => {
  const restarts = new Restarts({ most: 3, withinMillis: 1000, firstMillis: 10, longestMillis: 25 })
  const error = new EngineError('RESTART_LIMIT', { count: 1, seconds: 1, reason: 'r' })
  expect(() => restarts.waitAfter(error, 0)).toThrow(error)
  const never = new Restarts({ most: 0, withinMillis: 1000, firstMillis: 10, longestMillis: 25 })
  expect(() => never.waitAfter(new Error('gone'), 0)).toThrow('gone')
})

test('positions: a target is reached partition by partition; the nearer end counts; reports are put in', () => {
  const positions = { a: { '0': 5, '1': 7 }, b: { '0': 1 } }
  expect(reaches(positions, { a: { '0': 5 }, b: { '0': 1 } })).toBe(true)
  expect(reaches(positions, { a: { '0': 5, '1': 8 } })).toBe(false)
  expect(reaches(positions, { c: { '0': 1 } })).toBe(false)
  expect(reaches(positions, { c: { '0': 0 } })).toBe(true)
  expect(leastOf({ a: { '0': 5, '1': 7 }, b: { '0': 3 } }, { a: { '0': 6, '1': 2 } })).toEqual({ a: { '0': 5, '1': 2 }, b: { '0': 3 } })
  const reports: { sourceId: string; position: SourceOffset }[] = [
    { sourceId: 'a', position: { '1': 9 } },
    { sourceId: 'c', position: { '0': 4 } },
  ]
  expect(advanced(positions, reports)).toEqual({ a: { '0': 5, '1': 9 }, b: { '0': 1 }, c: { '0': 4 } })
  expect(positions.a).toEqual({ '0': 5, '1': 7 })
})
