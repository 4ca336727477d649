/**
 * A keyed count that is started and ended again and again on one checkpoint: restarts, checkpoint folder. Modes and masters take turns;
 * some runs are ended with rows under way, some die of their sink, some of a thread, some get over that by themselves. Rows are numbered
 * without end, so whatever is committed must be the totals of all numbers below some number, and that never falls.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { col, count, registerSink, sum, Ticket, Trigger, WalkwaySession } from '../../../dist/index.js'
import { held, isSampled, print } from './held.mjs'

const [restartsText, checkpoint] = process.argv.slice(2)
const restarts = Number(restartsText)
const KEYS = 7

/** Where the sink is to fail, and how often. */
let failing = { place: '', times: 0 }
let failures = 0
const fail = place => {
  if (failing.place !== place || failing.times-- <= 0) return
  failures++
  throw new Error(`told to fail at ${place}`)
}

const totals = new Map()
let committed = -1

class TotalsWriter {
  rows = 'objects'
  #current = new Map()
  #count = 0

  open() {
    return Ticket.of(undefined)
  }

  beginEpoch() {}

  offer({ key, events, total }) {
    fail('offer')
    this.#current.set(Number(key), { key: Number(key), events: Number(events), total: Number(total) })
    this.#count++
    return true
  }

  step() {
    return false
  }

  prepare() {
    const rows = [...this.#current.values()]
    this.#current = new Map()
    return Ticket.of(rows)
  }

  offeredCount() {
    return this.#count
  }

  acknowledgedCount() {
    return this.#count
  }

  close() {
    return Ticket.of(undefined)
  }
}

registerSink({
  name: 'totals',
  describe: async () => ({
    home: 'caller',
    rows: 'objects',
    maxWriters: 1,
    guarantee: 'exactly-once',
    outputModes: ['update'],
    label: 'totals',
  }),
  open: () => new TotalsWriter(),
  committer: () => ({
    commit: async (epoch, tokens) => {
      fail('before commit')
      if (epoch > committed) for (const row of tokens.flat()) totals.set(row.key, row)
      committed = Math.max(committed, epoch)
      fail('after commit')
    },
    recover: async () => {},
    close: async () => {},
  }),
})

/** How many numbers the totals are of. Throws if that is not exactly those below some number. */
const numbersCommitted = () => {
  const rows = [...totals.values()]
  const numbers = rows.reduce((all, { events }) => all + events, 0)
  for (const { key, events, total } of rows) {
    const wanted = Math.ceil((numbers - key) / KEYS)
    if (events !== wanted || total !== wanted * key + (KEYS * wanted * (wanted - 1)) / 2)
      throw new Error(`of ${numbers} numbers: ${JSON.stringify(rows)}`)
  }
  return numbers
}

const workers = new Set()
process.on('worker', worker => {
  workers.add(worker)
  worker.once('exit', () => workers.delete(worker))
})

const sessions = ['inline', 'local[1]'].map(master => WalkwaySession.builder().master(master).create())
const triggers = [Trigger.realTime(20), Trigger.processingTime(0)]
const places = ['offer', 'before commit', 'after commit']

const start = (round, maxRestarts) =>
  sessions[(round >> 1) % 2].readStream
    .format('rate')
    .option('rowsPerSecond', 10_000)
    .load()
    .groupBy(col('value').mod(KEYS).alias('key'))
    .agg(count('*').alias('events'), sum('value').alias('total'))
    .writeStream.format('totals')
    .outputMode('update')
    .options({ checkpointLocation: checkpoint, durability: 'process', maxRestarts })
    .trigger(triggers[round % 2])
    .start()

/** What becomes of a run. Each comes with every mode and master in twenty rounds. */
const runs = [
  // Stopped between two rows.
  async query => {
    await query.processAllAvailable()
    await query.stop()
  },
  // Stopped as soon as it has begun.
  query => query.stop(),
  // Dies of its sink.
  query =>
    query.awaitTermination().then(
      () => Promise.reject(new Error('the query should have died')),
      () => {},
    ),
  // Gets over what its sink, or the end of a thread, does to it.
  async (query, round) => {
    await query.processAllAvailable()
    // Not before: of a thread that is ended while it loads modules, Node leaves their files open.
    if (round % 40 >= 20) for (const worker of workers) void worker.terminate()
    await query.processAllAvailable()
    await query.stop()
    if (query.exception !== null) throw query.exception
  },
  // Stopped some epochs later, with rows under way.
  async query => {
    await sleep(30)
    await query.stop()
  },
]

let numbers = 0
const startMillis = []
for (let round = 0; round < restarts; round++) {
  const kind = round % runs.length
  const orders = { place: places[round % places.length], times: 1 }
  failing = kind === 2 ? orders : { place: '', times: 0 }
  const begun = performance.now()
  try {
    const query = await start(round, kind === 2 ? 0 : 5)
    startMillis.push(performance.now() - begun)
    // What fails before that ends the query, however often it may restart.
    if (kind === 3) failing = orders
    await runs[kind](query, round)
  } catch (error) {
    // The sink may fail before `start` has resolved.
    if (kind !== 2) throw new Error(`round ${round}`, { cause: error })
  }
  const now = numbersCommitted()
  if (now < numbers || (kind === 0 && now === numbers)) throw new Error(`round ${round}: ${numbers} numbers, then ${now}`)
  numbers = now
  if (!isSampled(round, restarts)) continue
  // Threads are told to end, and do so in their own time.
  for (let i = 0; i < 500 && workers.size > 0; i++) await sleep(10)
  print(await held(checkpoint))
}
const third = Math.floor(startMillis.length / 3)
const medianOf = values => values.toSorted((a, b) => a - b)[values.length >> 1]
const medians = [startMillis.slice(0, third), startMillis.slice(third, 2 * third), startMillis.slice(2 * third)].map(medianOf)
print({ numbers, failures, workers: workers.size, startMillis: medians.map(Math.round) })
