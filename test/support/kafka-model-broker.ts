import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

/**
 * A model of a Kafka cluster that speaks enough of the protocol for our source and sink: several brokers, on ports of this process, whose
 * partitions can be moved, trimmed, cut off and made to fail at will. For what a single real broker cannot be brought to do.
 */
export interface ModelPartition {
  leader: number
  logStart: number
  /** Where committed records end for readers that ask for the end; a new leader may not know. Undefined: at the log's end. */
  knownEnd?: number
  batches: { readonly base: number; readonly last: number; readonly bytes: Buffer }[]
  aborted: { readonly producerId: bigint; readonly firstOffset: number }[]
}

/** Who may come in, and how. */
export interface ModelSecurity {
  /** PEM texts: connections are TLS. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Who does not log in by SASL PLAIN as this one is thrown out. */
  readonly user?: { readonly name: string; readonly password: string }
}

const UNKNOWN_TOPIC = 3
const WRONG_MECHANISM = 33
const WRONG_PASSWORD = 58
const NOT_LEADER = 6
const OUT_OF_RANGE = 1

export class ModelCluster {
  readonly topics = new Map<string, ModelPartition[]>()
  /** Consulted before a partition is fetched or produced to: an error code other than 0 is its answer. */
  fault: (request: 'fetch' | 'produce', node: number, topic: string, partition: number) => number = () => 0
  /** Requests that have come, in order. */
  readonly log: { readonly kind: string; readonly node: number; readonly parts: string }[] = []
  readonly #nodes: { server: Server; port: number; sockets: Set<Socket> }[] = []
  readonly #waiting = new Set<() => void>()

  readonly #security: ModelSecurity
  readonly #loggedIn = new WeakSet<Socket>()

  constructor(security: ModelSecurity = {}) {
    this.#security = security
  }

  static async start(nodes = 1, security: ModelSecurity = {}): Promise<ModelCluster> {
    const cluster = new ModelCluster(security)
    for (let node = 0; node < nodes; node++) await cluster.#listen(node, 0)
    return cluster
  }

  get bootstrap(): string {
    return this.#nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')
  }

  create(topic: string, partitions = 1, leader = (partition: number) => partition % this.#nodes.length): ModelPartition[] {
    const made = Array.from(
      { length: partitions },
      (_, partition): ModelPartition => ({ leader: leader(partition), logStart: 0, batches: [], aborted: [] }),
    )
    this.topics.set(topic, made)
    return made
  }

  /** Adds a batch to a log, as a producer's comes. Offsets are put in; `gap` offsets before it hold nothing. */
  append(partition: ModelPartition, batch: Buffer, gap = 0): void {
    const bytes = Buffer.from(batch)
    const base = endOf(partition) + gap
    bytes.writeBigInt64BE(BigInt(base), 0)
    partition.batches.push({ base, last: base + bytes.readInt32BE(23), bytes })
    this.changed()
  }

  /** Long polls look again. */
  changed(): void {
    for (const look of [...this.#waiting]) look()
  }

  /** Cuts a broker's connections; it accepts none until `revive`. */
  async kill(node: number): Promise<void> {
    const { server, sockets } = this.#nodes[node]
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  }

  async revive(node: number): Promise<void> {
    await this.#listen(node, this.#nodes[node].port)
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((_, node) => this.kill(node)))
  }

  async #listen(node: number, port: number): Promise<void> {
    const sockets = new Set<Socket>()
    const accept = (socket: Socket): void => {
      sockets.add(socket)
      let rest = Buffer.alloc(0)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
      socket.on('data', data => {
        rest = Buffer.concat([rest, data])
        while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
          const end = 4 + rest.readInt32BE(0)
          this.#serve(node, rest.subarray(4, end), socket)
          rest = rest.subarray(end)
        }
      })
    }
    const { tls } = this.#security
    const server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept)
    await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
    const address = server.address()
    this.#nodes[node] = { server, sockets, port: typeof address === 'object' && address !== null ? address.port : 0 }
  }

  #serve(node: number, bytes: Buffer, socket: Socket): void {
    const r = new Reader(bytes)
    const [apiKey, version, correlationId] = [r.int16(), r.int16(), r.int32()]
    r.string()
    const answer = (body: Writer): void => {
      const head = new Writer().int32(correlationId)
      const whole = Buffer.concat([head.bytes, body.bytes])
      socket.write(Buffer.concat([new Writer().int32(whole.length).bytes, whole]))
    }
    if (apiKey === 18) answer(apiVersions(version))
    else if (apiKey === 17) answer(handshake(r))
    else if (apiKey === 36) answer(this.#authenticate(r, socket))
    else if (this.#security.user !== undefined && !this.#loggedIn.has(socket)) socket.destroy()
    else if (apiKey === 3) answer(this.#metadata(r))
    else if (apiKey === 2) answer(this.#listOffsets(node, r))
    else if (apiKey === 1) this.#fetch(node, r, answer)
    else if (apiKey === 0) answer(this.#produce(node, r))
    else socket.destroy()
  }

  /** SASL PLAIN: nothing, the name and the password, with zeros between. */
  #authenticate(r: Reader, socket: Socket): Writer {
    const [, name, password] = r.data().toString().split('\0')
    const { user } = this.#security
    const isRight = name === user?.name && password === user?.password
    if (isRight) this.#loggedIn.add(socket)
    this.log.push({ kind: 'login', node: 0, parts: name })
    return new Writer()
      .int16(isRight ? 0 : WRONG_PASSWORD)
      .string(isRight ? null : 'wrong name or password')
      .data(Buffer.alloc(0))
      .int64(0)
  }

  #metadata(r: Reader): Writer {
    const asked = r.list(() => r.string())
    const w = new Writer()
    w.list(this.#nodes, ({ port }, node) => w.int32(node).string('127.0.0.1').int32(port).string(null))
    w.int32(0)
    return w.list(asked.length === 0 ? [...this.topics.keys()] : asked, topic => {
      const partitions = this.topics.get(topic)
      w.int16(partitions === undefined ? UNKNOWN_TOPIC : 0)
        .string(topic)
        .int8(0)
      w.list(partitions ?? [], ({ leader }, partition) => {
        w.int16(0).int32(partition).int32(leader)
        w.list([leader], id => w.int32(id)).list([leader], id => w.int32(id))
      })
    })
  }

  #listOffsets(node: number, r: Reader): Writer {
    r.int32()
    const asked = r.list(() => ({ topic: r.string(), partitions: r.list(() => ({ partition: r.int32(), time: r.int64() })) }))
    const w = new Writer()
    return w.list(asked, ({ topic, partitions }) => {
      w.string(topic).list(partitions, ({ partition, time }) => {
        const log = this.topics.get(topic)?.[partition]
        const error = log === undefined ? UNKNOWN_TOPIC : log.leader === node ? 0 : NOT_LEADER
        const offset = log === undefined ? -1 : time === -2 ? log.logStart : (log.knownEnd ?? endOf(log))
        w.int32(partition).int16(error).int64(-1).int64(offset)
      })
    })
  }

  #fetch(node: number, r: Reader, answer: (body: Writer) => void): void {
    r.int32()
    const maxWaitMillis = r.int32()
    r.int32()
    const maxBytes = r.int32()
    r.skip(9)
    const asked = r.list(() => ({
      topic: r.string(),
      partitions: r.list(() => {
        const partition = r.int32()
        r.skip(4)
        const offset = r.int64()
        r.skip(8)
        return { partition, offset, maxBytes: r.int32() }
      }),
    }))
    this.log.push({
      kind: 'fetch',
      node,
      parts: asked.flatMap(a => a.partitions.map(p => `${a.topic}:${p.partition}@${p.offset}`)).join(' '),
    })
    const look = (isLast: boolean): boolean => {
      let left = maxBytes
      let isFirst = true
      let hasSome = false
      const w = new Writer().int32(0).int16(0).int32(0)
      w.list(asked, ({ topic, partitions }) => {
        w.string(topic).list(partitions, ({ partition, offset, maxBytes: most }) => {
          const log = this.topics.get(topic)?.[partition]
          let error = this.fault('fetch', node, topic, partition)
          if (log === undefined) error ||= UNKNOWN_TOPIC
          else if (log.leader !== node) error ||= NOT_LEADER
          else if (offset < log.logStart || offset > endOf(log)) error ||= OUT_OF_RANGE
          const found: Buffer[] = []
          let size = 0
          for (const { last, bytes } of error === 0 ? (log?.batches ?? []) : []) {
            if (last < offset) continue
            // As Kafka does: one batch is given whole to the first partition that has any, however large.
            if (!isFirst && size + bytes.length > Math.min(most, left)) break
            found.push(bytes)
            size += bytes.length
            isFirst = false
          }
          left -= size
          if (size > 0 || error !== 0) hasSome = true
          const end = log === undefined ? 0 : endOf(log)
          w.int32(partition)
            .int16(error)
            .int64(end)
            .int64(end)
            .int64(log?.logStart ?? 0)
          w.list(log?.aborted ?? [], ({ producerId, firstOffset }) => w.bigint64(producerId).int64(firstOffset))
          w.int32(-1).data(Buffer.concat(found))
        })
      })
      if (!hasSome && !isLast) return false
      answer(w)
      return true
    }
    if (look(maxWaitMillis <= 0)) return
    const again = (): void => {
      if (!look(false)) return
      clearTimeout(timer)
      this.#waiting.delete(again)
    }
    const timer = setTimeout(() => {
      this.#waiting.delete(again)
      look(true)
    }, maxWaitMillis)
    this.#waiting.add(again)
  }

  #produce(node: number, r: Reader): Writer {
    r.string()
    r.skip(6)
    const sent = r.list(() => ({ topic: r.string(), partitions: r.list(() => ({ partition: r.int32(), batch: r.data() })) }))
    this.log.push({ kind: 'produce', node, parts: sent.flatMap(a => a.partitions.map(p => `${a.topic}:${p.partition}`)).join(' ') })
    const w = new Writer()
    return w
      .list(sent, ({ topic, partitions }) => {
        w.string(topic).list(partitions, ({ partition, batch }) => {
          const log = this.topics.get(topic)?.[partition]
          const error =
            this.fault('produce', node, topic, partition) || (log === undefined ? UNKNOWN_TOPIC : log.leader === node ? 0 : NOT_LEADER)
          w.int32(partition)
            .int16(error)
            .int64(log === undefined ? -1 : endOf(log))
            .int64(-1)
            .int64(0)
          if (error === 0 && log !== undefined) this.append(log, batch)
        })
      })
      .int32(0)
  }
}

const endOf = ({ batches, logStart }: ModelPartition): number => Math.max(logStart, (batches.at(-1)?.last ?? -1) + 1)

const handshake = (r: Reader): Writer => {
  const w = new Writer().int16(r.string() === 'PLAIN' ? 0 : WRONG_MECHANISM)
  return w.list(['PLAIN'], name => w.string(name))
}

/** What kafkajs may use. */
const apiVersions = (version: number): Writer => {
  const w = new Writer().int16(0)
  w.list(
    [
      [0, 7],
      [1, 11],
      [2, 1],
      [3, 1],
      [17, 1],
      [18, 2],
      [36, 1],
    ],
    ([key, most]) => w.int16(key).int16(0).int16(most),
  )
  return version > 0 ? w.int32(0) : w
}

class Writer {
  readonly #parts: Buffer[] = []

  get bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  int8 = (value: number): this => this.#add(1, b => b.writeInt8(value))
  int16 = (value: number): this => this.#add(2, b => b.writeInt16BE(value))
  int32 = (value: number): this => this.#add(4, b => b.writeInt32BE(value))
  bigint64 = (value: bigint): this => this.#add(8, b => b.writeBigInt64BE(value))
  int64 = (value: number): this => this.bigint64(BigInt(value))

  string(value: string | null): this {
    if (value === null) return this.int16(-1)
    this.int16(Buffer.byteLength(value))
    this.#parts.push(Buffer.from(value))
    return this
  }

  data(value: Buffer): this {
    this.int32(value.length)
    this.#parts.push(value)
    return this
  }

  list<T>(items: readonly T[], write: (item: T, index: number) => void): this {
    this.int32(items.length)
    items.forEach(write)
    return this
  }

  #add(bytes: number, write: (part: Buffer) => void): this {
    const part = Buffer.alloc(bytes)
    write(part)
    this.#parts.push(part)
    return this
  }
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  skip(bytes: number): number {
    this.#at += bytes
    return this.#at - bytes
  }

  int16 = (): number => this.#bytes.readInt16BE(this.skip(2))
  int32 = (): number => this.#bytes.readInt32BE(this.skip(4))
  int64 = (): number => Number(this.#bytes.readBigInt64BE(this.skip(8)))

  string(): string {
    const length = Math.max(0, this.int16())
    const at = this.skip(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  data(): Buffer {
    const length = this.int32()
    const at = this.skip(length)
    return this.#bytes.subarray(at, at + length)
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read)
  }
}
