import { systemClock } from '../../base/clock.ts'
import type { ConnectorOptions, SinkCommitter, SinkConnector, SinkDescription, SinkToken, SinkWriter } from '../../connector/connector.ts'
import { objectWriter } from '../../expression/object-codec.ts'
import { parseSchema } from '../../expression/parse-type.ts'
import type { StructType } from '../../record/data-type.ts'
import { RecordBuffer } from '../../record/record-buffer.ts'
import { RowLayout } from '../../record/row-layout.ts'
import type { UserRow } from '../../record/user-value.ts'
import { rowText } from '../torture/torture.ts'
import { hold, holdSameRows, nothing, Patience } from './contract.ts'

/** A sink to be checked, and how to look at what it wrote. */
export interface SinkContract {
  readonly connector: SinkConnector
  /** The options of a fresh and empty target. Called for each part of the check. */
  readonly target: () => ConnectorOptions | Promise<ConnectorOptions>
  readonly schema: string | StructType
  /** At least four rows, all different. */
  readonly rows: readonly UserRow[]
  /** What whoever reads the target sees now. Values as in `rows`. */
  readonly read: (options: ConnectorOptions) => readonly UserRow[] | Promise<readonly UserRow[]>
  /** How long rows and tickets are waited for; 10,000 unless given. */
  readonly timeoutMillis?: number
}

/**
 * Holds a sink to its contract, through the lives that a query may have: three epochs, one of them empty; a commit that is asked for twice;
 * a crash in the middle of an epoch, after it was prepared, and between commit and commit log, each followed by the same epoch again; two
 * writers; complete output. What is seen must be what the sink's guarantee says: with `exactly-once` nothing before its commit and nothing
 * twice, with `at-least-once` nothing missing. Rejects with a ContractViolation, or with what the sink itself throws.
 */
export const checkSink = async (contract: SinkContract): Promise<void> => {
  const check = await SinkCheck.of(contract)
  await check.epochs()
  for (const crash of ['in an epoch', 'prepared', 'recorded', 'committed'] as const) await check.crash(crash)
  await check.writers()
  await check.complete()
}

class SinkCheck {
  readonly #contract: SinkContract
  readonly #schema: StructType
  readonly #description: SinkDescription
  readonly #parts: readonly (readonly UserRow[])[]

  private constructor(contract: SinkContract, schema: StructType, description: SinkDescription) {
    this.#contract = contract
    this.#schema = schema
    this.#description = description
    const half = contract.rows.length >> 1
    this.#parts = [contract.rows.slice(0, half), contract.rows.slice(half)]
  }

  static async of(contract: SinkContract): Promise<SinkCheck> {
    if (contract.rows.length < 4) throw new Error('a sink contract needs at least four rows')
    const schema = typeof contract.schema === 'string' ? parseSchema(contract.schema) : contract.schema
    const options = { ...(await contract.target()), outputMode: 'append' }
    const description = await contract.connector.describe(options, schema)
    hold(description.outputModes.length > 0, 'it takes no output mode')
    hold(Number.isInteger(description.maxWriters) && description.maxWriters >= 1, `maxWriters is ${description.maxWriters}`)
    hold(description.label !== '', 'the label is empty: explain() would show nothing')
    return new SinkCheck(contract, schema, description)
  }

  /** Rows of the next epoch are offered before the one before is prepared, as they are when nothing waits for a checkpoint. */
  async epochs(): Promise<void> {
    const run = await this.#start('append')
    const [first, second] = this.#parts
    await run.offer(0, first)
    const prepared = run.prepare(0)
    await run.offer(1, second)
    const firstTokens = await prepared()
    await this.#holdSeen(run, [], this.#contract.rows, 'before the commit')
    await run.commit(0, firstTokens)
    await this.#holdSeen(run, first, second, 'after the first commit')
    await run.commit(0, firstTokens)
    await this.#holdSeen(run, first, second, 'after the same commit again')
    await run.commit(1, await run.prepare(1)())
    await run.offer(2, [])
    await run.commit(2, await run.prepare(2)())
    await this.#holdSeen(run, this.#contract.rows, [], 'after an epoch without rows')
    await run.close()
    await this.#holdSeen(run, this.#contract.rows, [], 'after it is closed')
  }

  /**
   * The second epoch is cut off: in its middle; when it was prepared, but no checkpoint knows of it; when a checkpoint knows; when it was
   * committed, but the commit log does not say so. A new attempt rolls it forward if its checkpoint is there, else does it again.
   */
  async crash(when: 'in an epoch' | 'prepared' | 'recorded' | 'committed'): Promise<void> {
    const [first, second] = this.#parts
    const dead = await this.#start('append')
    await dead.offer(0, first)
    await dead.commit(0, await dead.prepare(0)())
    await dead.offer(1, second)
    const tokens = when === 'in an epoch' ? [] : await dead.prepare(1)()
    if (when === 'committed') await dead.commit(1, tokens)
    await dead.close()

    const next = await this.#start('append', dead.options)
    if (when === 'recorded' || when === 'committed') {
      await next.commit(1, tokens)
      await next.committer?.recover(1)
    } else {
      await next.committer?.recover(0)
      await this.#holdSeen(next, first, second, `after a crash (${when}) and recover(0)`)
      await next.offer(1, second)
      await next.commit(1, await next.prepare(1)())
    }
    await this.#holdSeen(next, this.#contract.rows, [], `after a crash (${when}) and the rest of the epoch`)
    await next.offer(2, [])
    await next.commit(2, await next.prepare(2)())
    await next.close()
    await this.#holdSeen(next, this.#contract.rows, [], `after a crash (${when}) and another epoch`)
  }

  async writers(): Promise<void> {
    if (this.#description.maxWriters < 2) return
    const run = await this.#start('append', null, 2)
    await run.offer(0, this.#contract.rows)
    await run.commit(0, await run.prepare(0)())
    await this.#holdSeen(run, this.#contract.rows, [], 'two writers')
    await run.close()
  }

  /** What an epoch writes takes the place of what was there. */
  async complete(): Promise<void> {
    if (!this.#description.outputModes.includes('complete')) return
    const run = await this.#start('complete')
    for (const [epoch, rows] of [this.#contract.rows, this.#parts[0]].entries()) {
      await run.offer(epoch, rows)
      await run.commit(epoch, await run.prepare(epoch)())
    }
    if (this.#description.guarantee === 'exactly-once') holdSameRows(await run.seen(), this.#parts[0], 'complete output: the second result')
    await run.close()
  }

  /** `maybe`: rows that may be seen already, unless the sink is exactly-once. */
  async #holdSeen(run: SinkRun, wanted: readonly UserRow[], maybe: readonly UserRow[], what: string): Promise<void> {
    const seen = await run.seen()
    if (this.#description.guarantee === 'exactly-once') {
      holdSameRows(seen, wanted, what)
      return
    }
    const texts = (rows: readonly UserRow[]): string[] => rows.map(rowText)
    const mine = new Set(texts(seen))
    const missing = texts(wanted).filter(text => !mine.has(text))
    if (this.#description.guarantee === 'at-least-once')
      hold(missing.length === 0, `${what}: ${missing.length} rows are missing (${missing.slice(0, 3).join(' ')})`)
    const allowed = new Set(texts([...wanted, ...maybe]))
    const strange = texts(seen).filter(text => !allowed.has(text))
    hold(strange.length === 0, `${what}: ${strange.length} rows that were never offered (${strange.slice(0, 3).join(' ')})`)
  }

  async #start(outputMode: 'append' | 'complete', known: ConnectorOptions | null = null, writerCount = 1): Promise<SinkRun> {
    const { connector, target } = this.#contract
    const options = known ?? { ...(await target()), outputMode }
    const patience = new Patience(this.#contract.timeoutMillis)
    attempts++
    const writers = Array.from({ length: writerCount }, (_, writerIndex) =>
      connector.open({ options, schema: this.#schema, writerIndex, writerCount, clock: systemClock(), attempt: `check${attempts}` }),
    )
    for (const writer of writers) {
      hold(writer.rows === this.#description.rows, `describe() says ${this.#description.rows}, the writer has ${writer.rows}`)
      writer.onReady?.(nothing, nothing)
      await patience.settle(writer.open(), 'open()')
    }
    const committer = connector.committer(options, this.#schema)
    return new SinkRun(options, this.#schema, writers, committer, patience, () => Promise.resolve(this.#contract.read(options)))
  }
}

let attempts = 0

/** An attempt of a query, as far as the sink knows it. */
class SinkRun {
  readonly options: ConnectorOptions
  readonly committer: SinkCommitter | null
  readonly seen: () => Promise<readonly UserRow[]>
  readonly #patience: Patience
  readonly #writers: readonly SinkWriter[]
  readonly #buffers: readonly RecordBuffer[]
  readonly #write: ReturnType<typeof objectWriter>
  #begun = -1

  constructor(
    options: ConnectorOptions,
    schema: StructType,
    writers: readonly SinkWriter[],
    committer: SinkCommitter | null,
    patience: Patience,
    seen: () => Promise<readonly UserRow[]>,
  ) {
    this.options = options
    this.committer = committer
    this.#patience = patience
    this.seen = seen
    this.#writers = writers
    this.#buffers = writers.map(() => new RecordBuffer(RowLayout.of(schema)))
    this.#write = objectWriter(schema)
  }

  /** Begins the epoch and offers its rows, in turn to each writer. */
  async offer(epoch: number, rows: readonly UserRow[]): Promise<void> {
    if (epoch > this.#begun) for (const writer of this.#writers) writer.beginEpoch(epoch)
    this.#begun = epoch
    for (const [w, writer] of this.#writers.entries()) {
      const before = writer.offeredCount()
      const own = rows.filter((_, i) => i % this.#writers.length === w)
      if (writer.rows === 'objects') {
        for (const row of own) {
          await this.#patience.until(() => {
            writer.step()
            return writer.offer({ ...row })
          }, 'a row is refused for ever')
        }
      } else {
        const buffer = this.#buffers[w]
        for (const row of own) this.#write(row, buffer)
        await this.#patience.until(() => {
          if (buffer.hasNext()) writer.offer(buffer)
          writer.step()
          return !buffer.hasNext()
        }, 'rows are refused for ever')
        buffer.clear()
      }
      const taken = writer.offeredCount() - before
      hold(taken === own.length, `offeredCount() grew by ${taken} with ${own.length} rows`)
    }
  }

  /** Asks at once; the function that it gives waits. */
  prepare(epoch: number): () => Promise<SinkToken[]> {
    const tickets = this.#writers.map(writer => ({ writer, ticket: writer.prepare(epoch), offered: writer.offeredCount() }))
    return async () => {
      const tokens: SinkToken[] = []
      for (const { writer, ticket, offered } of tickets) {
        const token = await this.#patience.settle(ticket, 'prepare()', () => void writer.step())
        hold(
          writer.acknowledgedCount() >= offered,
          `an epoch is prepared with ${writer.acknowledgedCount()} of its ${offered} rows acknowledged`,
        )
        const copy = token === undefined ? token : (JSON.parse(JSON.stringify(token)) as SinkToken)
        hold(JSON.stringify(copy) === JSON.stringify(token), 'a token does not go through JSON')
        tokens.push(copy)
      }
      return tokens
    }
  }

  async commit(epoch: number, tokens: readonly SinkToken[]): Promise<void> {
    await this.committer?.commit(epoch, tokens)
  }

  async close(): Promise<void> {
    for (const writer of this.#writers) {
      await this.#patience.settle(writer.close(), 'close()', () => void writer.step())
      await this.#patience.settle(writer.close(), 'close() for the second time')
    }
    await this.committer?.close()
  }
}
