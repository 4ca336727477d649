import { Worker } from 'node:worker_threads'
import { DOORBELL_BYTES, type IdleStrategyName, initRing, ringBytes } from 'native-free-buffers'
import { describe, expect, test } from 'vitest'
import { anySeed, seededRandom } from '../support/random.ts'

/**
 * Goal: what the model shows for a few records holds for millions, on real threads. Method: two workers on one ring that begins just below
 * 2^31; records of random length, some in pieces and larger than the ring; released bytes are poisoned and every byte that comes is
 * compared; both ends nap at random, so that the ring is often full and often empty, and park if their idle strategy does.
 * WALKWAY_SOAK_SECONDS says how long all of it takes.
 */
const SECONDS = Number(process.env.WALKWAY_SOAK_SECONDS ?? 2)

interface Answer {
  readonly count: number
  readonly bytes: number
  readonly parks: number
}

/** Both ends; when one fails the other is stopped, which would wait for it for ever. */
const runEnds = async (common: object): Promise<Answer[]> => {
  const workers = ['produce', 'consume'].map(
    role => new Worker(new URL('./programs/soak-worker.mjs', import.meta.url), { workerData: { ...common, role } }),
  )
  try {
    return await Promise.all(
      workers.map(
        worker =>
          new Promise<Answer>((resolve, reject) => {
            worker.once('message', resolve)
            worker.once('error', reject)
            worker.once('exit', code => reject(new Error(`an end left without an answer, code ${code}`)))
          }),
      ),
    )
  } finally {
    await Promise.all(workers.map(worker => worker.terminate()))
  }
}

const strategies: readonly IdleStrategyName[] = ['spin', 'adaptive', 'park']
const capacities = [256, 4096, 65536]
const cases = strategies.flatMap(idleName => capacities.map(capacity => ({ idleName, capacity })))

describe('a ring between two threads', { timeout: SECONDS * 10_000 + 120_000 }, () => {
  test.each(cases)('loses, doubles and damages nothing: $idleName, $capacity bytes', async ({ idleName, capacity }) => {
    const seed = anySeed()
    const random = seededRandom(seed)
    const bellsOffset = ringBytes(capacity)
    const buffer = new SharedArrayBuffer(bellsOffset + 2 * DOORBELL_BYTES)
    initRing(buffer, 0, { capacity, startPosition: 2 ** 31 - 64 })
    const [producer, consumer] = await runEnds({
      buffer,
      bellsOffset,
      stride: DOORBELL_BYTES,
      capacity,
      idleName,
      seed: random.below(2 ** 31),
      millis: (SECONDS * 1000) / cases.length,
      softLimits: random.next() < 0.7,
    })
    console.log(
      `${idleName}, ${capacity} bytes: ${consumer.count} records, ${consumer.bytes} bytes, ${producer.parks} and ${consumer.parks} parks, ` +
        `WALKWAY_SEED=${seed}`,
    )
    expect(consumer.count).toBe(producer.count)
    expect(consumer.bytes).toBe(producer.bytes)
    expect(consumer.count).toBeGreaterThan(0)
    if (idleName !== 'park') return
    expect(producer.parks).toBeGreaterThan(0)
    expect(consumer.parks).toBeGreaterThan(0)
  })
})
