import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  callerObjects,
  type ForeachBatchFunction,
  type ForeachWriter,
  MemoryTable,
  type RowCallback,
} from '../../src/connector/caller-sinks.ts'
import type { ConnectorOptions, ObjectReader, SinkConnector, SourceConnector } from '../../src/connector/connector.ts'
import { committedFiles } from '../../src/connector/file-log.ts'
import { IterableQueue, iterableQueues } from '../../src/connector/iterable-source.ts'
import { RowLog, rowLogs } from '../../src/connector/memory-source.ts'
import { PushQueue, pushQueues } from '../../src/connector/push-source.ts'
import { sinkConnector, sourceConnector } from '../../src/connector/registry.ts'
import type { UserRow } from '../../src/record/user-value.ts'
import { ContractViolation, checkSink, checkSource, type SourceContract } from '../../src/testing/index.ts'

// Goal: every source and sink that comes with the engine keeps the contract that others must keep; and the check finds who does not.
// Method: the public kit, over all of them but Kafka's (which has tests of its own on a broker), and over connectors with planted bugs.

const root = mkdtempSync(join(tmpdir(), 'walkway-contract-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** What sources and sinks find by an id is kept by who gave it to them. */
const held: object[] = []
const hold = <T extends object>(object: T): T => {
  held.push(object)
  return object
}

let count = 0
const freshFolder = (): string => mkdtempSync(join(root, `${count++}-`))

const SCHEMA = 'id BIGINT NOT NULL, name STRING, price DOUBLE'
const rowsOf = (from: number, to: number): UserRow[] =>
  Array.from({ length: to - from }, (_, i) => ({
    id: from + i,
    name: (from + i) % 5 === 0 ? null : `name ${from + i}`,
    price: (from + i) / 4,
  }))
const linesOf = (rows: readonly UserRow[]): string => rows.map(row => `${JSON.stringify(row)}\n`).join('')

const files = (format: 'json' | 'text', options: ConnectorOptions = {}): SourceContract => {
  const folder = freshFolder()
  const text = [linesOf(rowsOf(0, 23)), linesOf(rowsOf(23, 24)), `\n${linesOf(rowsOf(24, 60))}`]
  for (const [i, content] of text.entries()) writeFileSync(join(folder, `${i}.json`), content)
  const added = linesOf(rowsOf(60, 75))
  const values = text.join('').split('\n').slice(0, -1)
  return {
    connector: sourceConnector(format),
    options: { path: folder, ...options },
    ...(format === 'json' ? { schema: SCHEMA, rows: rowsOf(0, 60) } : { rows: values.map(value => ({ value })) }),
    addMore: () => writeFileSync(join(folder, '9.json'), added),
  }
}

const memory = (connector = sourceConnector('memory'), schema = SCHEMA): SourceContract => {
  const log = hold(new RowLog())
  log.append(rowsOf(0, 50))
  return { connector, options: { id: rowLogs.put(log) }, schema, rows: rowsOf(0, 50), addMore: () => void log.append(rowsOf(50, 60)) }
}

const START_MICROS = 1_700_000_000_000_000

const sources: Record<string, () => SourceContract> = {
  memory: () => memory(),
  range: () => ({
    connector: sourceConnector('range'),
    options: { start: '-5', end: '40', step: '3' },
    rows: Array.from({ length: 15 }, (_, i) => ({ id: 3 * i - 5 })),
  }),
  json: () => files('json'),
  'json, one file at a time': () => files('json', { maxFilesPerTrigger: '1' }),
  text: () => files('text'),
  iterable: () => {
    const id = iterableQueues.put(hold(new IterableQueue(rowsOf(0, 40))))
    return { connector: sourceConnector('iterable'), options: { id }, schema: SCHEMA }
  },
  push: () => {
    const queue = hold(new PushQueue(100))
    for (const row of rowsOf(0, 40)) queue.push(row)
    return { connector: sourceConnector('push'), options: { id: pushQueues.put(queue) }, schema: SCHEMA, rows: rowsOf(0, 40) }
  },
}

describe('a source keeps its contract', () => {
  test.each(Object.entries(sources))('%s', async (_name, make) => {
    const contract = make()
    const rows = await checkSource(contract)
    if (contract.rows !== undefined) expect(rows).toHaveLength(contract.rows.length)
  })

  test('rate, by a clock that begins where its offset says', async () => {
    let now = START_MICROS
    const connector = sourceConnector('rate')
    // Each start without an offset begins at that moment, so what it gives again is checked from its first offset on.
    const offset = { '0': 0, startMicros: START_MICROS }
    const anchored: SourceConnector = {
      ...connector,
      open: context => {
        const reader = connector.open(context)
        const open = reader.open.bind(reader)
        reader.open = start => open(start ?? offset)
        return reader
      },
    }
    now += 5_000_000
    const rows = await checkSource({
      connector: anchored,
      options: { rowsPerSecond: '10' },
      clock: () => now,
      addMore: () => {
        now += 1_000_000
      },
    })
    expect(rows.length).toBeGreaterThan(40)
  })
})

const readJson = async ({ path }: ConnectorOptions): Promise<UserRow[]> => {
  const all = await committedFiles(path, Number.POSITIVE_INFINITY)
  const lines = all.flatMap(file => readFileSync(join(path, file.path), 'utf8').split('\n'))
  return lines.filter(line => line !== '').map(line => ({ name: null, ...(JSON.parse(line) as UserRow) }))
}

describe('a sink keeps its contract', () => {
  test('json', async () => {
    await checkSink({
      connector: sinkConnector('json'),
      target: () => ({ path: join(freshFolder(), 'out') }),
      schema: SCHEMA,
      rows: rowsOf(0, 30),
      read: async options => (await readJson(options)).map(({ id, name, price }) => ({ id, name, price })),
    })
  })

  test('memory', async () => {
    await checkSink({
      connector: sinkConnector('memory'),
      target: () => ({ id: callerObjects.tables.put(hold(new MemoryTable())), queryName: 'contract' }),
      schema: SCHEMA,
      rows: rowsOf(0, 30),
      read: ({ id }) => callerObjects.tables.get(id)?.rows ?? [],
    })
  })

  test('foreach, in both forms, and foreachBatch', async () => {
    const seen = new Map<string, UserRow[]>()
    const target = (put: (rows: UserRow[]) => string) => () => {
      const rows: UserRow[] = []
      const id = put(rows)
      seen.set(id, rows)
      return { id }
    }
    const { callbacks, writers, batches } = callerObjects
    const targets = {
      callback: target(rows => callbacks.put(hold<RowCallback>(row => rows.push(row)))),
      foreach: target(rows => writers.put(hold<ForeachWriter>({ process: row => void rows.push(row) }))),
      foreachBatch: target(rows => batches.put(hold<ForeachBatchFunction>(batch => void rows.push(...batch)))),
    }
    for (const [format, target] of Object.entries(targets)) {
      const read = ({ id }: ConnectorOptions): UserRow[] => seen.get(id) ?? []
      await checkSink({ connector: sinkConnector(format), target, schema: SCHEMA, rows: rowsOf(0, 20), read })
    }
  })
})

/** The memory source with something changed in its reader. */
const sourceWith = (change: (reader: ObjectReader) => void): SourceContract => {
  const right = sourceConnector('memory')
  const changed = memory({
    ...right,
    open: context => {
      const reader = right.open(context) as ObjectReader
      change(reader)
      return reader
    },
  })
  return { ...changed, timeoutMillis: 300 }
}

describe('the check finds', () => {
  const planted: Record<string, [RegExp, (reader: ObjectReader) => void]> = {
    'a poll that brings more than was asked for': [
      /appends/,
      reader => {
        const poll = reader.poll.bind(reader)
        reader.poll = (out, budget) => poll(out, budget + 1)
      },
    ],
    'a poll that does not count right': [
      /says/,
      reader => {
        const poll = reader.poll.bind(reader)
        reader.poll = (out, budget) => Math.min(1, poll(out, budget))
      },
    ],
    'an offset that does not say where the next row is': [
      /starts at/,
      reader => {
        const open = reader.open.bind(reader)
        reader.open = start => open(start === null ? null : { '0': start['0'] + 1 })
      },
    ],
    'an offset that is ignored': [
      /starts at/,
      reader => {
        const open = reader.open.bind(reader)
        reader.open = () => open(null)
      },
    ],
    'a limit that is ignored': [
      /limit/,
      reader => {
        const limit = reader.limit.bind(reader)
        reader.limit = end => limit(end === null || end['0'] >= 50 ? end : { '0': end['0'] + 1 })
      },
    ],
    'a position that does not move': [
      /stays/,
      reader => {
        reader.position = () => ({ '0': 0 })
      },
    ],
    'a reader that never says that it is done': [
      /not all read/,
      reader => {
        reader.exhausted = () => false
      },
    ],
    'rows that come late being lost': [
      /added/,
      reader => {
        const poll = reader.poll.bind(reader)
        reader.poll = (out, budget) => (reader.position()['0'] >= 50 ? 0 : poll(out, budget))
      },
    ],
  }

  test.each(Object.entries(planted))('%s', async (name, [message, change]) => {
    const checked = checkSource(sourceWith(change))
    await expect(checked).rejects.toThrow(message)
    await expect(checked).rejects.toThrow(ContractViolation)
    expect(name).not.toBe('')
  })

  test('a sink that shows rows before their commit, or again after a second one', async () => {
    const shown = new Map<string, UserRow[]>()
    const right = sinkConnector('callback')
    const sinkOf = (commit: (id: string) => void): SinkConnector => ({
      ...right,
      describe: async (options, schema) => ({ ...(await right.describe(options, schema)), guarantee: 'exactly-once' }),
      committer: options => ({ commit: async () => commit(options.id), recover: async () => {}, close: async () => {} }),
    })
    const check = (commit: (id: string) => void): Promise<void> =>
      checkSink({
        connector: sinkOf(commit),
        target: () => {
          const rows: UserRow[] = []
          const id = callerObjects.callbacks.put(hold<RowCallback>(row => rows.push(row)))
          shown.set(id, rows)
          return { id }
        },
        schema: SCHEMA,
        rows: rowsOf(0, 8),
        read: ({ id }) => shown.get(id) ?? [],
      })
    await expect(check(() => {})).rejects.toThrow(/before the commit/)
  })

  test('a sink that forgets what a crash left, and one that acknowledges too little', async () => {
    const target = (): ConnectorOptions => ({ path: join(freshFolder(), 'out') })
    const right = sinkConnector('json')
    const read = async (options: ConnectorOptions): Promise<UserRow[]> =>
      (await readJson(options)).map(({ id, name, price }) => ({ id, name, price }))
    const check = (connector: SinkConnector): Promise<void> => checkSink({ connector, target, schema: SCHEMA, rows: rowsOf(0, 8), read })
    const twice: SinkConnector = {
      ...right,
      committer: (options, schema) => {
        const committer = right.committer(options, schema)
        if (committer === null) throw new Error('no committer')
        let epoch = 0
        // A committer that takes each call for a new epoch.
        return {
          ...committer,
          commit: (_epoch, tokens) => committer.commit(epoch++, tokens),
          recover: async () => {},
          close: async () => {},
        }
      },
    }
    await expect(check(twice)).rejects.toThrow(/the same commit again/)
    const deaf: SinkConnector = {
      ...right,
      open: context => {
        const writer = right.open(context)
        writer.acknowledgedCount = () => 0
        return writer
      },
    }
    await expect(check(deaf)).rejects.toThrow(/acknowledged/)
  })
})
