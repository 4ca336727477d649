import { Histogram, RingReader, RingWriter } from 'native-free-buffers'
import type { Clock } from '../base/clock.ts'
import type { SourceReader, Ticket } from '../connector/connector.ts'
import { sinkConnector, sourceConnector } from '../connector/registry.ts'
import { type CompiledChain, compileChain } from '../operator/chain.ts'
import type { ChainOutput } from '../operator/chain-output.ts'
import type { ChainEnds, ChainInput } from '../operator/chain-spec.ts'
import { ChainState } from '../operator/chain-state.ts'
import type { StaticTable } from '../operator/static-table.ts'
import { ColumnBatch } from '../record/column-batch.ts'
import { structType } from '../record/data-type.ts'
import { RecordBuffer } from '../record/record-buffer.ts'
import { RowLayout } from '../record/row-layout.ts'
import { bellOf } from './bells.ts'
import { type ChangeChannel, reportChanges } from './change-channel.ts'
import type { TaskReport } from './control-protocol.ts'
import { LatencyMeter } from './latency-meter.ts'
import { RingOutlet } from './ring-outlet.ts'
import { Task } from './task.ts'
import { RingsInput, SourceInput, type TaskInput } from './task-input.ts'
import { ObjectSinkOutput, RecordSinkOutput, RingsOutput, type TaskOutput } from './task-output.ts'
import type { HostSpec, Partitioning, TaskSpec } from './task-spec.ts'

/** What a thread gives to the tasks that it builds. */
export interface TaskEnvironment {
  readonly clock: Clock
  readonly tables: ReadonlyMap<number, StaticTable>
  readonly report: (report: TaskReport) => void
  /** Takes the changes of all tasks of this thread; null: they go by report. */
  readonly changes: ChangeChannel | null
  /** Wakes this thread's loop: given to sources whose rows come by the event loop. */
  readonly wake: () => void
  /** Runs this thread's tasks at once: given to sources whose rows this very thread hands over. */
  readonly runNow: () => void
  /** Runs one row of such a source's, past its queue; false if that cannot be now. */
  readonly runRow: (row: Record<string, unknown>) => boolean
  /** Runs them for a moment. */
  readonly runSlice: () => void
  /** Fills the task's stores from a checkpoint, before the first step. Blocks. */
  readonly restore: (task: TaskSpec, chain: CompiledChain) => void
}

interface BuiltTask {
  readonly task: Task
  readonly sources: readonly string[]
  readonly timed: boolean
}

/**
 * Turns a task's plain description into a running state machine on this thread. Throws EngineErrors for what cannot be built; source and
 * sink are closed then.
 */
export const buildTask = (spec: TaskSpec, host: HostSpec, environment: TaskEnvironment): BuiltTask => {
  const opened: { close(): unknown }[] = []
  try {
    return build(spec, host, environment, opened)
  } catch (error) {
    for (const part of opened) part.close()
    throw error
  }
}

const build = (spec: TaskSpec, host: HostSpec, environment: TaskEnvironment, opened: { close(): unknown }[]): BuiltTask => {
  const watermarks = spec.ops.filter(op => op.kind === 'watermark')
  const state = new ChainState(watermarks.length, environment.clock, spec.partition)
  const opening: Ticket<void>[] = []

  let meter: LatencyMeter | null = null
  let output: TaskOutput
  let chainOutput: ChainOutput | ChainEnds
  if (spec.output.kind === 'rings') {
    const all: RingOutlet[] = []
    const ends = spec.output.outlets.map(({ edges, partitioning, after, schema }) => {
      const layout = RowLayout.of(schema)
      const outs = edges.map(
        edge => new RingOutlet(new RingWriter(edge.buffer, edge.offset), layout, state, bellOf(host.bells, edge.consumerHost)),
      )
      all.push(...outs)
      return { after, output: ringsOutput(layout, outs, partitioning) }
    })
    output = new RingsOutput(all, state)
    chainOutput = { kind: 'ends', ends }
  } else {
    const { format, options, writerIndex, writerCount, attempt } = spec.output
    const sink = sinkConnector(format).open({
      options,
      schema: spec.outputSchema,
      writerIndex,
      writerCount,
      clock: environment.clock,
      attempt,
    })
    opened.push(sink)
    sink.onReady?.(environment.wake, environment.runSlice)
    opening.push(sink.open())
    const offsets = host.meters[spec.id]
    meter = new LatencyMeter(
      new Histogram(host.metrics, offsets.processing),
      new Histogram(host.metrics, offsets.endToEnd),
      state,
      environment.clock,
    )
    if (sink.rows === 'records') {
      const outputLayout = RowLayout.of(spec.outputSchema)
      const buffer = new RecordBuffer(outputLayout)
      output = new RecordSinkOutput(sink, buffer, state, meter)
      chainOutput = { kind: 'records', layout: outputLayout, out: buffer }
    } else {
      const out = new ObjectSinkOutput(sink, state, meter)
      output = out
      chainOutput = { kind: 'objects', schema: spec.outputSchema, out }
    }
  }

  let input: TaskInput
  let timed = false
  let chainInput: ChainInput
  const inputLayout = RowLayout.of(spec.inputSchema)
  if (spec.input.kind === 'rings') {
    const readers = spec.input.edges.map(edge => new RingReader(edge.buffer, edge.offset))
    input = new RingsInput(
      readers,
      spec.input.edges.map(edge => edge.hasWatermark),
      spec.watermarkPolicy,
      inputLayout,
      state,
    )
    chainInput = { kind: 'records', layout: inputLayout }
  } else {
    const { format, options, schema, columns, streaming, readerIndex, readerCount, metadataFolder, start } = spec.input
    const reader = sourceConnector(format).open({
      options,
      schema,
      columns,
      streaming,
      readerIndex,
      readerCount,
      clock: environment.clock,
      metadataFolder,
    })
    opened.push(reader)
    // A source that cannot tell when it has rows must be asked.
    if (reader.onReady === undefined) timed = true
    else if (reader.rows === 'objects') reader.onReady(environment.runNow, environment.runRow)
    else reader.onReady(environment.wake, environment.runSlice)
    opening.push(reader.open(start))
    const room = roomFor(reader, inputLayout)
    input = new SourceInput(reader, room, environment.clock, state)
    if (room === null) chainInput = { kind: 'objects', schema: structType(columns.map(ordinal => schema.fields[ordinal])), columns }
    else if (room instanceof ColumnBatch) chainInput = { kind: 'columns', batch: room }
    else chainInput = { kind: 'records', layout: inputLayout }
  }

  const chain = compileChain({
    name: spec.name,
    input: chainInput,
    inputSchema: spec.inputSchema,
    ops: spec.ops,
    output: chainOutput,
    outputMode: spec.outputMode,
    state,
    tables: environment.tables,
    isFull: () => state.outputFull,
  })
  environment.restore(spec, chain)
  const task = new Task(
    {
      id: spec.id,
      chain,
      state,
      input,
      output,
      meter,
      watermarks: watermarks.map(op => ({ watermarkId: op.watermarkId, delayMillis: op.delayMicros / 1000 })),
      hasInputWatermark: spec.input.kind === 'rings' && spec.input.edges.some(edge => edge.hasWatermark),
      watermarkPolicy: spec.watermarkPolicy,
      changes: spec.persists ? (environment.changes ?? reportChanges(spec.id, environment.report)) : null,
      report: environment.report,
    },
    opening,
  )
  return { task, sources: chain.sources, timed }
}

const ringsOutput = (layout: RowLayout, outs: readonly RingOutlet[], partitioning: Partitioning): ChainOutput => {
  if (outs.length === 1) return { kind: 'records', layout, out: outs[0] }
  return partitioning.kind === 'hash' ? { kind: 'hash', layout, outs, keys: partitioning.keys } : { kind: 'roundRobin', layout, outs }
}

/** What a reader puts its rows into; objects need nothing. */
const roomFor = (reader: SourceReader, layout: RowLayout): RecordBuffer | ColumnBatch | null => {
  if (reader.rows === 'objects') return null
  return reader.rows === 'records' ? new RecordBuffer(layout) : new ColumnBatch(layout, undefined, reader.timesRows)
}
