import { execFileSync } from 'node:child_process'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { PEERS } from '../kit/peers-folder.ts'

/**
 * Who takes part: command lines for the folder of peers, where {Q} is the query, {IN} and {OUT} are topics. `meter`: the load meter alone.
 */
export const engines: Readonly<Record<string, string>> = {
  meter: 'none',
  echo: 'node-echo/run kafkajs {IN} {OUT}',
  walkway: `${fileURLToPath(new URL('../../bench/kafka-query', import.meta.url))} {Q} realTime {IN} {OUT}`,
  flink: 'flink/run {Q} {IN} {OUT}',
  spark: 'spark/run {Q} rtm {IN} {OUT}',
}

/** A list from the environment, by spaces. */
export const listOf = (name: string, otherwise: string): string[] =>
  (process.env[name] ?? otherwise).split(/\s+/).filter(each => each !== '')

/** Those of `KAFKA_ENGINES`, in that order. Spark is left out unless it is named there: its first run fetches half a gigabyte. */
export const chosenEngines = (): string[] => {
  const chosen = listOf('KAFKA_ENGINES', 'meter echo walkway flink')
  const unknown = chosen.find(name => engines[name] === undefined)
  if (unknown !== undefined) throw new Error(`KAFKA_ENGINES: no engine ${unknown}: there are ${Object.keys(engines).join(', ')}`)
  return chosen
}

/** With a broker: the one of `KAFKA_BOOTSTRAP`, or that of the peers, which is started and stopped unless it runs already. */
export const withBroker = async <T>(run: () => Promise<T>): Promise<T> => {
  const [host, port] = (process.env.KAFKA_BOOTSTRAP ?? '127.0.0.1:19092').split(':')
  if (await answers(host, Number(port))) return run()
  if (process.env.KAFKA_BOOTSTRAP !== undefined) throw new Error(`no broker answers on ${process.env.KAFKA_BOOTSTRAP}`)
  execFileSync(`${PEERS}/kafka/run`, ['start'], { stdio: ['ignore', 2, 2] })
  try {
    return await run()
  } finally {
    execFileSync(`${PEERS}/kafka/run`, ['stop'], { stdio: ['ignore', 2, 2] })
  }
}

const answers = (host: string, port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect({ host, port })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
