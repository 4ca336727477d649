import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { durationMillis, Trigger, WalkwaySession } from '../../index.ts'
import { compareRows } from './compare.ts'
import type { Engine } from './engine.ts'
import { codeOf, isKind } from './errors.ts'
import type { AddSpec, Case, FileSpec, RewindSpec, Row, StartSpec, Step, Value } from './format.ts'
import { type Progress, progressesOf } from './observe.ts'

/** A case is not met. */
class Failed extends Error {}

const check = (holds: boolean, message: string): void => {
  if (!holds) throw new Failed(message)
}

/** Runs the steps of a case one after the other. Throws Failed, or what the engine threw where no error was expected. */
export const runSteps = async (of: Case, engine: Engine, folder: string): Promise<void> => {
  const runner = new StepRunner(of, engine, folder)
  const { steps } = of
  for (const [i, step] of steps.entries()) {
    const kind = Object.keys(step)[0]
    const where = `step ${i + 1}, ${kind}`
    const expected = steps.slice(i + 1).find(next => 'expectError' in next)?.expectError as { kind: string } | undefined
    try {
      await runner.run(kind, step)
    } catch (error) {
      if (error instanceof Failed) throw new Failed(`${where}: ${error.message}`)
      // Refused earlier than the case expects is fine, if it is refused for that reason.
      if (expected !== undefined && isKind(error, expected.kind)) return
      if (expected !== undefined) throw new Failed(`${where}: expected an error of kind ${expected.kind}, got ${String(error)}`)
      throw new Failed(`${where}: ${codeOf(error) === null && error instanceof Error ? error.stack : String(error)}`)
    }
  }
  await runner.finish()
}

class StepRunner {
  readonly #case: Case
  readonly #engine: Engine
  readonly #folder: string
  /** How many progress records an earlier expectState has counted. */
  #counted = 0
  #pending: readonly Row[] | null = null

  constructor(of: Case, engine: Engine, folder: string) {
    this.#case = of
    this.#engine = engine
    this.#folder = folder
  }

  async run(kind: string, step: Step): Promise<void> {
    const engine = this.#engine
    const { recorder } = engine
    const argument = step[kind]
    switch (kind) {
      case 'add':
        return this.#add(argument as AddSpec)
      case 'addAtomic':
        for (const add of argument as AddSpec[]) engine.add(add.source, this.#rows(add))
        return
      case 'addFile':
        return engine.addFile(argument as FileSpec)
      case 'addFilesAtomic':
        return engine.addFilesAtOnce(argument as FileSpec[])
      case 'holdSource':
        return engine.hold(argument as string)
      case 'releaseSource':
        return engine.release(argument as string)
      case 'setFlag':
        return setFlags(engine, argument)
      case 'rewind':
        return this.#rewind(argument as RewindSpec)
      case 'start':
        this.#counted = 0
        return engine.start(argument as StartSpec)
      case 'stop':
        return engine.stop()
      case 'restart':
        await engine.idle()
        await engine.stop()
        this.#counted = 0
        return engine.start()
      case 'sync':
      case 'emptyBatch':
        return engine.idle()
      case 'awaitTermination':
        return engine.terminated()
      case 'advanceProcessingTime':
        await engine.ensureStarted()
        engine.clock?.advance(argument as number)
        return engine.isRealTime ? undefined : engine.idle()
      case 'endBatch':
        return this.#endBatch()
      case 'endOfInput':
        return this.#endOfInput()
      case 'clearSink':
        return recorder.clear()
      case 'expectNew':
        await engine.idle()
        check2(compareRows(argument as Row[], recorder.fresh()))
        return recorder.looked()
      case 'expectAll':
        return this.#expectAll(argument as Row[])
      case 'expectLast':
        await engine.idle()
        check2(compareRows(argument as Row[], engine.isRealTime ? recorder.fresh() : recorder.last, step.sorted === true))
        return recorder.looked()
      case 'expectError':
        return this.#expectError(argument as { kind: string; at: string })
      case 'expectConfigError':
        return this.#expectConfigError(argument as Record<string, unknown>)
      case 'expectClock':
        return same('the clock', argument, (engine.clock?.now() ?? Number.NaN) / 1000)
      case 'expectPlan':
        await engine.ensureStarted()
        return engine.stop()
      case 'expectDelay': {
        const { text, ms, error } = argument as { text: string; ms?: number; error?: string }
        return expectDuration(() => delayMillis(text), text, ms, error)
      }
      case 'expectTrigger': {
        const { realTime, ms, error } = argument as { realTime: string | number | null; ms?: number; error?: string }
        return expectDuration(() => triggerMillis(realTime), String(realTime), ms, error)
      }
      case 'startBelowMinimumBatchDuration':
        // The least that Walkway takes is 10 ms.
        return engine.start({ trigger: { realTimeMs: 1 } })
      default:
        return this.#expectProgress(kind, argument)
    }
  }

  /** What had to wait for the end of the case. */
  async finish(): Promise<void> {
    if (this.#pending === null) return
    await this.#engine.idle()
    check2(compareRows(this.#pending, this.#engine.recorder.all()))
  }

  async #add(add: AddSpec): Promise<void> {
    const engine = this.#engine
    if (add.rowsFrom !== undefined) {
      const text = readFileSync(join(this.#folder, add.rowsFrom), 'utf8')
      engine.addObjects(
        add.source,
        text
          .split('\n')
          .filter(line => line !== '')
          .map(line => JSON.parse(line) as Record<string, unknown>),
      )
      return
    }
    if (add.rowByRow !== true) return engine.add(add.source, this.#rows(add))
    for (const row of this.#rows(add)) {
      engine.add(add.source, [row])
      await engine.idle()
    }
  }

  #rows(add: AddSpec): readonly Row[] {
    return add.rows ?? []
  }

  async #expectAll(expected: readonly Row[]): Promise<void> {
    const engine = this.#engine
    const { recorder } = engine
    await engine.ensureStarted()
    if (this.#case.sparkCadence === true) {
      this.#pending = expected
      return
    }
    // In real time the rows must come while the epoch is open; in micro-batches when it has ended.
    if (this.#case.mode === 'real-time' && engine.isRealTime) await engine.eventually(() => compareRows(expected, recorder.all()) === null)
    else await engine.idle()
    check2(compareRows(expected, recorder.all()))
    recorder.looked()
  }

  async #expectError(expected: { kind: string; at: string }): Promise<void> {
    try {
      await this.#engine.idle()
    } catch (error) {
      check(isKind(error, expected.kind), `expected an error of kind ${expected.kind}, got ${String(error)}`)
      return
    }
    check(this.#case.sparkRestriction === true, `expected an error of kind ${expected.kind}, but the query runs`)
  }

  async #expectConfigError(config: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      await this.#engine.start({}, config)
    } catch (error) {
      return check(codeOf(error) === 'BAD_OPTION', `${JSON.stringify(config)}: expected it refused as an option, got ${String(error)}`)
    }
    check(false, `${JSON.stringify(config)}: expected it refused, but the query runs`)
  }

  async #rewind({ lastCommitLost, clearSink, advanceClockMs }: RewindSpec): Promise<void> {
    const engine = this.#engine
    await engine.stop()
    if (lastCommitLost === true) engine.loseLastCommit()
    if (clearSink === true) engine.recorder.clear()
    engine.clock?.advance(advanceClockMs ?? 0)
  }

  async #endBatch(): Promise<void> {
    const engine = this.#engine
    await engine.ensureStarted()
    await engine.idle()
    const before = progressesOf(engine).at(-1)?.batchId ?? -1
    engine.clock?.advance(300_000)
    await engine.eventually(() => (progressesOf(engine).at(-1)?.batchId ?? -1) > before, 2000)
  }

  /** Rows so far in the future that everything before them is due. Their own output, if any, is told by the times in it. */
  async #endOfInput(): Promise<void> {
    const engine = this.#engine
    await engine.idle()
    for (const [name, { columns }] of engine.sources()) {
      const hasTime = columns.some(([, type]) => type === 'ts')
      const far = (type: string): Value =>
        type === 'ts' ? FAR_SECONDS * 1000 : !hasTime && (type === 'int' || type === 'long') ? FAR_SECONDS : null
      engine.add(name, [columns.map(([, type]) => far(type))])
    }
    await engine.idle()
    // An outer join may leave out the times of such a row: all the rest of it is null.
    engine.recorder.forget(row => row.some(isFar) || row.every(cell => cell === null))
  }

  async #expectProgress(kind: string, argument: unknown): Promise<void> {
    const engine = this.#engine
    if (engine.query?.isActive === true) await engine.idle()
    const all = progressesOf(engine)
    const withInput = all.filter(progress => progress.numInputRows > 0).at(-1)
    switch (kind) {
      case 'expectWatermark': {
        const watermark = (): number => progressesOf(engine).at(-1)?.eventTime.watermark ?? 0
        // A progress tells the watermark that its epoch began with. In real time another epoch follows by itself.
        if (engine.isRealTime && engine.clock === null) await engine.eventually(() => watermark() === argument, 2000)
        return same('watermark', argument, watermark())
      }
      case 'expectEventTime': {
        const { min, max, avg, watermark } = argument as Record<string, number>
        const time = withInput?.eventTime
        return same(
          'event time',
          { min, max, avg, watermark },
          { min: time?.min, max: time?.max, avg: time?.avg, watermark: time?.watermark },
        )
      }
      case 'expectOperatorWatermark':
      case 'expectOutputWatermark': {
        // Of the last epoch, be it one without rows.
        const operators = all.at(-1)?.stateOperators ?? []
        for (const [name, expected] of Object.entries(argument as Record<string, Record<string, number>>)) {
          const { late, evict, output } = operators.find(operator => operator.name === name) ?? {}
          same(`watermarks of ${name}`, expected, 'output' in expected ? { input: evict, output } : { late, evict })
        }
        return
      }
      case 'expectNoEventTime':
        return same('event time', undefined, withInput?.eventTime?.max)
      case 'expectLastBatchId':
        return same('last batch', argument, all.at(-1)?.batchId)
      case 'expectDataBatches':
        return same('batches with input', argument, all.filter(progress => progress.numInputRows > 0).length)
      case 'expectBatches': {
        const batches = engine.recorder.batches.filter(rows => rows.length > 0)
        same('number of batches', (argument as Row[][]).length, batches.length)
        for (const [i, rows] of (argument as Row[][]).entries()) check2(compareRows(rows, batches[i]))
        return
      }
      case 'expectProgress': {
        const { startOffset, endOffset, inputRows } = argument as Record<string, number | null | undefined>
        same('input rows', inputRows, withInput?.numInputRows)
        if (endOffset !== undefined) same('end offset', endOffset, withInput?.endOffset)
        if (startOffset !== undefined && startOffset !== null) same('start offset', startOffset, withInput?.startOffset)
        return
      }
    }
    // Counters of state are those of micro-batch execution.
    if (engine.isRealTime) return
    const operators = (progress: Progress | undefined) => progress?.stateOperators ?? []
    switch (kind) {
      case 'expectStateRows':
        return same(
          'state rows',
          list(argument),
          operators(all.at(-1)).map(op => op.total),
        )
      case 'expectDroppedByWatermark':
        return same(
          'late rows',
          list(argument),
          operators(withInput).map(op => op.dropped),
        )
      case 'expectDroppedDuplicates':
        return same(
          'duplicates',
          list(argument),
          operators(withInput).map(op => op.duplicates),
        )
      case 'expectState': {
        const since = all.slice(this.#counted)
        this.#counted = all.length
        const got = operators(all.at(-1)).map((op, i) => ({
          total: op.total,
          updated: total(since, i, 'updated'),
          dropped: total(since, i, 'dropped'),
          removed: total(since, i, 'removed'),
        }))
        for (const [field, wanted] of Object.entries(argument as Record<string, unknown>)) {
          same(
            `state ${field}`,
            list(wanted),
            got.map(op => op[field as keyof typeof op]),
          )
        }
        return
      }
      default:
        throw new Error(`no step ${kind} in the runner`)
    }
  }
}

const FAR_SECONDS = 2_000_000_000

/** True for a time within three years of the far one, in seconds or millis, or a window of such times. */
const isFar = (cell: unknown): boolean =>
  Array.isArray(cell)
    ? cell.some(isFar)
    : typeof cell === 'number' && [cell, cell / 1000].some(seconds => Math.abs(seconds - FAR_SECONDS) < 100_000_000)

/** `"name"`, or `{name: on}`. */
const setFlags = ({ failures }: Engine, argument: unknown): void => {
  const flags = typeof argument === 'string' ? { [argument]: true } : (argument as Record<string, unknown>)
  for (const [flag, isSet] of Object.entries(flags)) failures.set(flag, isSet === true)
}

/** What withWatermark makes of a delay. */
const delayMillis = (text: string): number => {
  const millis = durationMillis(text)
  const frame = WalkwaySession.builder().master('inline').create().memoryStream('t timestamp').toDF()
  frame.withWatermark('t', text)
  return millis
}

const triggerMillis = (realTime: string | number | null): number => {
  const trigger = realTime === null ? Trigger.realTime() : Trigger.realTime(realTime)
  return trigger.kind === 'realTime' ? trigger.intervalMillis : Number.NaN
}

const total = (progresses: readonly Progress[], operator: number, field: 'updated' | 'dropped' | 'removed'): number =>
  progresses.reduce((sum, { stateOperators }) => sum + (stateOperators[operator]?.[field] ?? 0), 0)

const list = (value: unknown): unknown => (Array.isArray(value) ? value : [value])

const check2 = (difference: string | null): void => check(difference === null, difference ?? '')

const same = (what: string, wanted: unknown, got: unknown): void =>
  check(JSON.stringify(wanted) === JSON.stringify(got), `${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`)

const expectDuration = (read: () => number, text: string, millis: number | undefined, kind: string | undefined): void => {
  let got: number
  try {
    got = read()
  } catch (error) {
    check(kind !== undefined && isKind(error, kind), `${JSON.stringify(text)}: expected ${kind ?? `${millis} ms`}, got ${String(error)}`)
    return
  }
  check(kind === undefined, `${JSON.stringify(text)}: expected ${kind}, but it is ${got} ms`)
  same(JSON.stringify(text), millis, got)
}
