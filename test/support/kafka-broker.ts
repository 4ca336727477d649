import { execFile, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Admin } from 'kafkajs'
import { startProxy, type TcpProxy } from './tcp-proxy.ts'

/**
 * A Kafka broker for tests: `KAFKA_BOOTSTRAP` if that is set, else Kafka 4.4 from Maven's jars, one for each test file, on a free port and
 * in a temporary folder. Null where there is neither, which is said in one line.
 */
export interface KafkaBroker {
  readonly bootstrap: string
  stop(): Promise<void>
}

/** One that is ours to disturb. */
export interface OwnBroker extends KafkaBroker {
  /** The same broker over a line that can go dead. */
  readonly line: TcpProxy
  /** Killed, and started anew on its data after so many millis. */
  restart(pauseMillis: number): Promise<void>
}

/** Makes a topic, and waits until it can be used: kafkajs's own waiting gives up at a broker that has not heard of it yet. */
export const createTopic = async (
  admin: Admin,
  topic: string,
  numPartitions: number,
  config: Record<string, string> = {},
): Promise<void> => {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }], waitForLeaders: false })
  for (let tries = 0; ; tries++) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      if (topics[0].partitions.length === numPartitions && topics[0].partitions.every(({ leader }) => leader >= 0)) return
    } catch (error) {
      if (tries > 200) throw error
    }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Deletes a topic, and waits until its name can be used again. */
export const deleteTopic = async (admin: Admin, topic: string): Promise<void> => {
  await admin.deleteTopics({ topics: [topic] })
  while ((await admin.listTopics()).includes(topic)) await new Promise(resolve => setTimeout(resolve, 50))
}

/** Never synchronous: a worker of vitest's that says nothing for a minute is taken for dead. */
const run = promisify(execFile)

const has = async (command: string): Promise<boolean> => {
  try {
    await run(command, ['-version'])
    return true
  } catch {
    return false
  }
}

const jarFolder = async (): Promise<string> => {
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'walkway-test', 'kafka-jars')
  const marker = join(folder, '.complete')
  if (existsSync(marker)) return folder
  mkdirSync(folder, { recursive: true })
  const pom = fileURLToPath(new URL('./kafka/pom.xml', import.meta.url))
  await run('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${folder}`])
  writeFileSync(marker, '')
  return folder
}

/**
 * A port that nobody listens on, from below those that the system gives to whoever connects: it is bound only seconds later, and bound
 * again when the broker is started anew.
 */
const freePort = async (): Promise<number> => {
  for (;;) {
    const port = randomInt(15_000, 32_000)
    const server = createServer()
    const isFree = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

export const startBroker = async (): Promise<KafkaBroker | null> => {
  const given = process.env.KAFKA_BOOTSTRAP
  return given === undefined || given === '' ? startOwnBroker() : { bootstrap: given, stop: async () => {} }
}

export const startOwnBroker = async (): Promise<OwnBroker | null> => {
  if (!((await has('java')) && (await has('mvn')))) {
    console.log(
      'Kafka tests skipped: there is no KAFKA_BOOTSTRAP, or none that may be disturbed, and no java and mvn to start a broker with.',
    )
    return null
  }
  const jars = join(await jarFolder(), '*')
  const folder = mkdtempSync(join(tmpdir(), 'walkway-kafka-'))
  const [port, controllerPort, linePort] = [await freePort(), await freePort(), await freePort()]
  const line = await startProxy('127.0.0.1', linePort)
  const properties = join(folder, 'server.properties')
  writeFileSync(
    properties,
    [
      'process.roles=broker,controller',
      'node.id=1',
      `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
      `listeners=PLAINTEXT://127.0.0.1:${port},LINE://127.0.0.1:${linePort},CONTROLLER://127.0.0.1:${controllerPort}`,
      // A client is told the address of the listener that it asked: over the line, the line's.
      `advertised.listeners=PLAINTEXT://127.0.0.1:${port},LINE://127.0.0.1:${line.port}`,
      'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,LINE:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'controller.listener.names=CONTROLLER',
      'inter.broker.listener.name=PLAINTEXT',
      `log.dirs=${join(folder, 'data')}`,
      'offsets.topic.num.partitions=1',
      'offsets.topic.replication.factor=1',
      'transaction.state.log.num.partitions=1',
      'transaction.state.log.replication.factor=1',
      'transaction.state.log.min.isr=1',
      'share.coordinator.state.topic.replication.factor=1',
      'share.coordinator.state.topic.min.isr=1',
      'auto.create.topics.enable=false',
      // One that was killed may come back as soon as its session is over.
      'broker.session.timeout.ms=2000',
      'broker.heartbeat.interval.ms=500',
    ].join('\n'),
  )
  const java = ['-Xmx384m', '-XX:TieredStopAtLevel=1', '-cp', jars]
  const id = (await run('java', [...java, 'kafka.tools.StorageTool', 'random-uuid'])).stdout.trim()
  await run('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', id.split('\n').at(-1) ?? id, '-c', properties])
  const log = openSync(join(folder, 'out.log'), 'a')
  let kill = (): boolean => true
  let exited = Promise.resolve()
  process.once('exit', () => kill())
  const start = async (): Promise<void> => {
    const broker = spawn('java', [...java, 'kafka.Kafka', properties], { stdio: ['ignore', log, log] })
    exited = new Promise(resolve => broker.once('exit', () => resolve()))
    kill = () => broker.kill('SIGKILL')
    while (!(await answers(port))) {
      if (broker.exitCode !== null) throw new Error(`the broker ended with code ${broker.exitCode}: see ${folder}/out.log`)
      await new Promise(resolve => setTimeout(resolve, 250))
    }
  }
  await start()
  return {
    bootstrap: `127.0.0.1:${port}`,
    line,
    restart: async pauseMillis => {
      kill()
      await exited
      await new Promise(resolve => setTimeout(resolve, pauseMillis))
      await start()
    },
    stop: async () => {
      kill()
      await exited
      await line.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
