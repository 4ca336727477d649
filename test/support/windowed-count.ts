import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { committedFiles } from '../../src/connector/file-log.ts'
import { type Column, count, type StreamingQuery, sum, type Trigger, WalkwaySession, window } from '../../src/index.ts'
import type { SeededRandom } from './random.ts'

/** Everything about the program test/faults/programs/windowed-count.mjs: its input, its runs, and what its output must be. */

export interface CountFolders {
  readonly root: string
  readonly input: string
  readonly output: string
  readonly checkpoint: string
  remove(): void
}

export const countFolders = async (): Promise<CountFolders> => {
  const root = mkdtempSync(join(tmpdir(), 'walkway-faults-'))
  const folders = { root, input: join(root, 'in'), output: join(root, 'out'), checkpoint: join(root, 'cp') }
  await mkdir(folders.input)
  return { ...folders, remove: () => rmSync(root, { recursive: true, force: true }) }
}

export interface CountEvent {
  readonly time: number
  readonly key: string
  readonly value: number
}

const START = Date.UTC(2024, 0, 1)

/**
 * Files of events, out of order by less than the watermark's delay; the last two hold one event each, late enough to close every window
 * before.
 */
export const eventFiles = (random: SeededRandom, files: number, perFile: number, keys = 7): CountEvent[][] => {
  let clock = START
  const all: CountEvent[][] = []
  for (let f = 0; f < files; f++) {
    const file: CountEvent[] = []
    for (let i = 0; i < perFile; i++) {
      clock += random.below(20)
      file.push({ time: clock - random.below(1500), key: `k${random.below(keys)}`, value: random.below(1000) })
    }
    all.push(file)
  }
  for (const later of [1, 2]) all.push([{ time: clock + later * 3_600_000, key: 'end', value: 0 }])
  return all
}

let serial = 0

/** Puts a file where the query looks for it, whole from its first moment. */
export const addFile = (folders: CountFolders, index: number, events: readonly CountEvent[]): void => {
  const text = events.map(event => `${JSON.stringify({ ...event, time: new Date(event.time).toISOString() })}\n`).join('')
  const temporary = join(folders.root, `fresh-${serial++}`)
  writeFileSync(temporary, text)
  // Files are read in the order of their times.
  utimesSync(temporary, 1_700_000_000 + index, 1_700_000_000 + index)
  renameSync(temporary, join(folders.input, `${String(index).padStart(6, '0')}.json`))
}

/** The rows that must come out: one a window and key. Windows are of a second, `slideMillis` apart. */
export const expectedCounts = (files: readonly (readonly CountEvent[])[], slideMillis = 1000): string[] => {
  const totals = new Map<string, { events: number; total: number }>()
  for (const { time, key, value } of files.flat()) {
    if (key === 'end') continue
    for (let start = Math.floor(time / slideMillis) * slideMillis; start > time - 1000; start -= slideMillis) {
      const id = `${new Date(start).toISOString()} ${key}`
      const entry = totals.get(id) ?? { events: 0, total: 0 }
      totals.set(id, { events: entry.events + 1, total: entry.total + value })
    }
  }
  return [...totals].map(([id, { events, total }]) => `${id} ${events} ${total}`).sort()
}

/** What comes out when the program joins: each event with those of its key up to 300 ms later, or with nothing. */
export const expectedPairs = (files: readonly (readonly CountEvent[])[]): string[] => {
  const events = files.flat().filter(({ key }) => key !== 'end')
  return events
    .flatMap(({ time, key, value }) => {
      const later = events.filter(other => other.key === key && other.time > time && other.time <= time + 300)
      const totals = later.length === 0 ? [null] : later.map(other => other.value)
      return totals.map(total => `${new Date(time).toISOString()} ${key} ${value} ${total}`)
    })
    .sort()
}

/** The rows that a reader of the output folder sees. */
export const visibleCounts = async (output: string): Promise<string[]> => {
  const rows: string[] = []
  for (const { path, size } of await committedFiles(output, Number.POSITIVE_INFINITY)) {
    const bytes = readFileSync(join(output, path))
    if (bytes.length !== size) throw new Error(`${path} has ${bytes.length} bytes, its log says ${size}`)
    for (const line of bytes.toString().split('\n')) {
      if (line === '') continue
      const row = JSON.parse(line) as { start: string; key: string; events: number; total?: number | null }
      if (row.key !== 'end') rows.push(`${new Date(row.start).toISOString()} ${row.key} ${row.events} ${row.total ?? null}`)
    }
  }
  return rows.sort()
}

/** The same query as the program's, in this process. `value`: what is summed, instead of the column of that name. */
export const startCount = (
  folders: CountFolders,
  {
    master,
    trigger,
    options = {},
    value = null,
    slideMillis = 1000,
  }: {
    readonly master: string
    readonly trigger: Trigger
    readonly options?: Readonly<Record<string, string | number>>
    readonly value?: Column | null
    readonly slideMillis?: number
  },
): Promise<StreamingQuery> => {
  const events = WalkwaySession.builder()
    .master(master)
    .create()
    .readStream.schema('time TIMESTAMP, key STRING, value BIGINT')
    .option('maxFilesPerTrigger', 2)
    .json(folders.input)
  return (value === null ? events : events.withColumn('value', value))
    .withWatermark('time', '2 seconds')
    .groupBy(window('time', '1 second', `${slideMillis} milliseconds`), 'key')
    .agg(count('*').alias('events'), sum('value').alias('total'))
    .select('window.start', 'key', 'events', 'total')
    .writeStream.format('json')
    .outputMode('append')
    .options({ checkpointLocation: folders.checkpoint, ...options })
    .trigger(trigger)
    .start(folders.output)
}

export interface CountSettings {
  readonly master: string
  readonly trigger: string
  /** Triggers to change to and fro between, while it runs. */
  readonly switches?: readonly string[]
  /** Reads what is there, commits and stops. */
  readonly finish?: boolean
  /** Has events meet instead of counting them: see `expectedPairs`. */
  readonly joins?: boolean
  readonly options?: Readonly<Record<string, string | number>>
  /** What a signal does: stops the query (twice, as an impatient user would), or aborts the AbortSignal that it was given. */
  readonly stopBy?: 'stop' | 'abort'
  /** See fault-disk.mjs. */
  readonly disk?: Readonly<Record<string, unknown>>
}

interface CountMessage {
  readonly kind: 'started' | 'epoch' | 'stopped' | 'failed'
  readonly epoch?: number
  readonly code?: string
  readonly message?: string
}

/** A run of the program. */
export class CountRun {
  readonly process: ChildProcess
  readonly messages: CountMessage[] = []
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  errors = ''
  #rest = ''
  #listeners = new Set<() => void>()

  constructor(folders: CountFolders, { disk, ...settings }: CountSettings) {
    const programs = fileURLToPath(new URL('../faults/programs/', import.meta.url))
    const { input, output, checkpoint } = folders
    this.process = spawn(
      process.execPath,
      [
        ...(disk === undefined ? [] : ['--import', new URL('../faults/programs/fault-disk.mjs', import.meta.url).href]),
        join(programs, 'windowed-count.mjs'),
        JSON.stringify({ input, output, checkpoint, ...settings }),
      ],
      {
        env: { ...process.env, FAULT_DISK: JSON.stringify({ folders: [output, checkpoint], ...disk }) },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text
      this.#tell()
    })
    this.ended = new Promise(resolve =>
      this.process.on('close', (code, signal) => {
        this.#tell()
        resolve({ code, signal })
      }),
    )
  }

  /** Resolves when so many epochs have been committed, or the process has ended. */
  async epochs(count: number): Promise<void> {
    await this.#until(() => this.epochCount >= count)
  }

  get epochCount(): number {
    return this.messages.filter(message => message.kind === 'epoch').length
  }

  /** Resolves when the process has written to stderr, or ended. */
  async complaint(): Promise<void> {
    await this.#until(() => this.errors !== '')
  }

  async started(): Promise<void> {
    await this.#until(() => this.messages.some(message => message.kind === 'started'))
  }

  get failure(): CountMessage | null {
    return this.messages.find(message => message.kind === 'failed') ?? null
  }

  kill(): void {
    this.process.kill('SIGKILL')
  }

  /** For a run that must come to its end by itself. */
  async success(): Promise<void> {
    const { code, signal } = await this.ended
    if (code === 0) return
    throw new Error(`the program ended with ${String(code ?? signal)}: ${JSON.stringify(this.failure)} ${this.errors}`)
  }

  async #until(condition: () => boolean): Promise<void> {
    let over = false
    void this.ended.then(() => {
      over = true
    })
    while (!condition() && !over && this.process.exitCode === null && this.process.signalCode === null) {
      await new Promise<void>(resolve => this.#listeners.add(resolve))
    }
  }

  #tell(): void {
    const listeners = [...this.#listeners]
    this.#listeners.clear()
    for (const listener of listeners) listener()
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('{')) this.messages.push(JSON.parse(line) as CountMessage)
    this.#tell()
  }
}
