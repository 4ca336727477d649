import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { chosenEngines, engines, withBroker } from './kafka/engines.ts'
import type { Benchmark, Figures, Outcome } from './kit/benchmark.ts'
import { missingPeers, PEERS } from './kit/peers-folder.ts'

const RECORDS = Number(process.env.KAFKA_BACKLOG ?? 1_000_000)
/** Of a record of the load meter, on average: 36 bytes, and up to 1,200 of a text of 5,507 from a random place on. */
const VALUE_BYTES = 36 + (1200 * (5507 - 1200) + (1200 * 1201) / 2) / 5507
/** An engine that puts nothing out for so long is given up. */
const QUIET_MILLIS = 120_000

/**
 * Catching up: a topic has a backlog (`KAFKA_BACKLOG`, 1 M records, some 1.1 GB), and query A copies it to another. From the first record
 * that is out to the last, so that the start of a JVM does not count. The bare echo starts at the end of a topic: it is stopped while its
 * backlog is written.
 */
export const kafkaBacklog: Benchmark = {
  name: 'kafka-backlog',
  question: 'How fast is a backlog of 1 M Kafka records caught up with, beside a bare echo and other engines?',
  rounds: 3,
  warmups: 0,
  run: async (size): Promise<Outcome> => {
    const missing = size === 'small' ? 'peers have no small size' : missingPeers()
    if (missing !== null) return { wrong: null, skipped: missing, figures: {} }
    return withBroker(async () => {
      const figures: Record<string, number> = {}
      let wrong: string | null = null
      for (const engine of chosenEngines().filter(name => name !== 'meter')) {
        const { records, millis } = await catchUp(engine)
        figures[`${engine}RecordsPerSecond`] = (records * 1000) / millis
        figures[`${engine}MegabytesPerSecond`] = (records * VALUE_BYTES) / 1e3 / millis
        if (records !== RECORDS && engine === 'walkway') wrong = `${records} records came out of ${RECORDS}`
      }
      return { wrong, figures: figures as Figures }
    })
  },
}

const catchUp = async (engine: string): Promise<{ records: number; millis: number }> => {
  const [from, to] = [`backlog_${engine}_in`, `backlog_${engine}_out`]
  load('reset', from, to, '4')
  const startsAtEnd = engine === 'echo'
  if (!startsAtEnd) load('fill', from, String(RECORDS))
  const command = engines[engine].replaceAll('{Q}', 'A').replaceAll('{IN}', from).replaceAll('{OUT}', to)
  const child = spawn('bash', ['-c', `exec ${command}`], { cwd: PEERS, stdio: ['ignore', startsAtEnd ? 'pipe' : 2, 2], detached: true })
  try {
    if (startsAtEnd) {
      await new Promise(resolve => child.stdout?.once('data', resolve))
      await pause(500)
      signalGroup(child, 'SIGSTOP')
      load('fill', from, String(RECORDS))
      signalGroup(child, 'SIGCONT')
    }
    return await watch(to)
  } finally {
    const ended = new Promise(resolve => child.once('close', resolve))
    if (child.exitCode === null) {
      child.kill('SIGTERM')
      await Promise.race([ended, pause(20_000)])
      signalGroup(child, 'SIGKILL')
    }
  }
}

const load = (...args: readonly string[]): void => {
  execFileSync(`${PEERS}/load/run`, args, { stdio: ['ignore', 2, 2] })
}

const signalGroup = ({ pid }: ChildProcess, signal: NodeJS.Signals): void => {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // It has ended by itself.
  }
}

/** Looks at the end of the topic until all is there, or nothing comes any more. */
const watch = async (topic: string): Promise<{ records: number; millis: number }> => {
  const brokers = [process.env.KAFKA_BOOTSTRAP ?? '127.0.0.1:19092']
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    let [first, before, last, changed] = [0, 0, 0, performance.now()]
    for (;;) {
      const offsets = await admin.fetchTopicOffsets(topic)
      const [records, now] = [offsets.reduce((sum, { high }) => sum + Number(high), 0), performance.now()]
      if (records > last) {
        if (last === 0) [first, before] = [now, records]
        ;[last, changed] = [records, now]
      }
      if (last >= RECORDS) return { records: last, millis: ((now - first) * last) / Math.max(1, last - before) }
      if (now - changed > QUIET_MILLIS) return { records: last, millis: Math.max(1, changed - first) }
      await pause(20)
    }
  } finally {
    await admin.disconnect()
  }
}
