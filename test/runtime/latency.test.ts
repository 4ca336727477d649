import { Doorbell, Histogram, initRing, RingReader, RingWriter, ringBytes } from 'native-free-buffers'
import { expect, test } from 'vitest'
import { ManualClock } from '../../src/base/clock.ts'
import { col, count, Trigger, WalkwaySession, window } from '../../src/index.ts'
import { ARRIVAL, ChainState, RUN_COUNT, RUN_START } from '../../src/operator/chain-state.ts'
import { structType } from '../../src/record/data-type.ts'
import { RowLayout } from '../../src/record/row-layout.ts'
import { LatencyMeter } from '../../src/runtime/latency-meter.ts'
import { RingOutlet } from '../../src/runtime/ring-outlet.ts'
import { RingsInput } from '../../src/runtime/task-input.ts'
import { RingsOutput } from '../../src/runtime/task-output.ts'
import { until } from '../support/masters.ts'
import { within } from '../support/within.ts'

// Goal: a latency says how long the row waited that let a result out. Method: whole queries under a clock that only the test moves, so that
// each latency is known exactly; the histogram keeps it to some percent.

const START_MILLIS = 1_700_000_000_000

/** Moves the clock by steps of one trigger interval until so many epochs have had rows. */
const pump = (clock: ManualClock, stepMillis: number, isThere: () => boolean): Promise<void> =>
  until(() => {
    if (clock.waiting > 0 && !isThere()) clock.advance(stepMillis)
    return isThere()
  })

const near = (actual: number, expected: number): void => {
  expect(actual).toBeGreaterThan(expected * 0.95)
  expect(actual).toBeLessThan(expected * 1.05)
}

test.each([
  { what: 'totals count from the oldest row of their micro-batch', mode: 'update', grouped: true, mean: 900 },
  { what: 'so do those of complete mode', mode: 'complete', grouped: true, mean: 900 },
  // Due 100 ms after another, the first 900 ms before the micro-batch, the last with it.
  { what: 'a row that passes through counts from its own arrival', mode: 'append', grouped: false, mean: 450 },
] as const)('$what', async ({ mode, grouped, mean }) => {
  const clock = new ManualClock(START_MILLIS)
  const session = WalkwaySession.builder().master('inline').clock(clock).create()
  const rows = session.readStream.format('rate').option('rowsPerSecond', 10).load()
  const df = grouped ? rows.groupBy(col('value').mod(3).alias('key')).agg(count('*').alias('n')) : rows
  const query = await df.writeStream.format('noop').outputMode(mode).trigger(Trigger.processingTime('1 second')).start()
  const full = (): typeof query.recentProgress => query.recentProgress.filter(({ numInputRows }) => numInputRows === 10)
  await pump(clock, 1000, () => full().length >= 3)
  await within(query.stop(), () => JSON.stringify(query.status))
  expect(query.exception).toBeNull()
  expect(full().length).toBeGreaterThanOrEqual(3)
  for (const { latencies, sink } of full()) {
    for (const latency of [latencies.processingLatencyMs, latencies.e2eLatencyMs]) {
      expect(latency.count).toBe(sink.numOutputRows)
      near(latency.mean, mean)
      near(latency.max, 900)
    }
  }
})

test('a window that the watermark closes in real time counts from the row that moved the watermark', async () => {
  const clock = new ManualClock(START_MILLIS)
  const session = WalkwaySession.builder().master('inline').clock(clock).create()
  const stream = session.pushStream('time TIMESTAMP NOT NULL')
  const query = await stream
    .toDF()
    .withWatermark('time', '0 seconds')
    .groupBy(window('time', '1 second'))
    .agg(count('*').alias('n'))
    .writeStream.format('noop')
    .outputMode('append')
    .trigger(Trigger.realTime('1 hour'))
    .start()
  // From then on a row has gone through when `push` returns.
  await until(() => query.status.message === 'Processing new data')
  stream.push({ time: new Date(START_MILLIS) })
  clock.advance(5000)
  stream.push({ time: new Date(START_MILLIS + 5000) })
  await until(() => query.latencies?.processingLatencyMs.count === 1)
  const latency = query.latencies?.processingLatencyMs
  await within(query.stop(), () => JSON.stringify(query.status))
  expect(latency).toMatchObject({ count: 1, max: 0 })
})

test('a watermark brings along the arrival of the row that moved it; a barrier does not', () => {
  const layout = RowLayout.of(structType([]))
  const buffer = new SharedArrayBuffer(ringBytes(4096, layout.vtable.length))
  initRing(buffer, 0, { capacity: 4096, preambleBytes: layout.vtable.length })
  const [sender, receiver] = [new ChainState(0, () => 0), new ChainState(0, () => 0)]
  const outlet = new RingOutlet(new RingWriter(buffer, 0), layout, sender, new Doorbell(new SharedArrayBuffer(4), 0))
  const output = new RingsOutput([outlet], sender)
  const input = new RingsInput([new RingReader(buffer, 0)], [true], 'min', layout, receiver)
  const heard: string[] = []
  const events = {
    onBegin: () => {},
    onEnd: () => {},
    onBarrier: () => heard.push('barrier'),
    onWatermark: (millis: number) => heard.push(`watermark ${millis} by ${receiver.registers[ARRIVAL]}`),
  }
  const chain = {
    runRecords: () => 0,
    runObjects: () => 0,
    runColumns: () => 0,
    operators: [],
    sources: [],
  }
  sender.arrive(700)
  output.watermark(10)
  sender.arrive(800)
  output.barrier(0)
  output.step()
  for (let i = 0; i < 2; i++) input.poll(chain, 10, events)
  expect(heard).toEqual(['watermark 10 by 700', 'barrier'])
  expect(receiver.registers[ARRIVAL]).toBe(700)
})

test('the end of an epoch counts from its oldest row, and without rows from that of the epoch before', () => {
  const state = new ChainState(0, () => 0)
  state.endArrivals()
  expect(state.registers[ARRIVAL]).toBe(0)
  for (const micros of [500, 400, 600]) state.arrive(micros)
  expect(state.registers[ARRIVAL]).toBe(600)
  state.endArrivals()
  expect(state.registers[ARRIVAL]).toBe(400)
  state.endArrivals()
  expect(state.registers[ARRIVAL]).toBe(400)
  state.arrive(900)
  state.endArrivals()
  expect(state.registers[ARRIVAL]).toBe(900)
})

test('what nothing in this process led to has no latency', () => {
  const state = new ChainState(0, () => 0)
  const meter = new LatencyMeter(new Histogram(), new Histogram(), state, () => 1e15)
  const putOut = (arrival: number, rows: number): void => {
    state.registers[ARRIVAL] = state.registers[RUN_START] = arrival
    state.registers[RUN_COUNT] = rows
    meter.burst()
  }
  putOut(0, 5)
  putOut(1e15 - 30, 2)
  meter.settle(7)
  for (const histogram of [meter.processing, meter.endToEnd]) expect(histogram.snapshot()).toMatchObject({ count: 2, max: 30 })
})
