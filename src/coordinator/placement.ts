import { HISTOGRAM_BYTES, initRing, ringBytes } from 'native-free-buffers'
import type { ConnectorOptions, SinkDescription, SourceDescription, SourceOffset } from '../connector/connector.ts'
import type { HeldObject, OutputMode } from '../plan/logical-plan.ts'
import { type ChainOp, type PhysicalPlan, type Stage, type StageOutput, upstreamOf } from '../plan/physical-plan.ts'
import type { StructType } from '../record/data-type.ts'
import { RowLayout } from '../record/row-layout.ts'
import { bellBytes } from '../runtime/bells.ts'
import type { PersisterSpec } from '../runtime/persister.ts'
import type { EdgeSpec, HostSpec, InputSpec, OutputSpec, RestoreSpec, RingSpec, TableSpec, TaskSpec } from '../runtime/task-spec.ts'
import type { WatermarkPolicy } from '../runtime/watermark-merge.ts'

/** The caller's thread is host 0; workers are 1 … N. */
export const CALLER = 0
const RING_CAPACITY = 1 << 20
/** A host's ring to the persister: what a disk takes in some milliseconds. */
const CHANGES_CAPACITY = 1 << 20

export interface PlacedSource {
  readonly format: string
  readonly options: ConnectorOptions
  readonly description: SourceDescription
  /** See SourceNode. */
  readonly holds?: HeldObject
}

export interface PlacedSink {
  readonly format: string
  readonly options: ConnectorOptions
  readonly description: SinkDescription
}

/** One stage with a host for each of its tasks. */
export interface PlacedStage {
  readonly id: string
  readonly input: Stage['input'] | { readonly kind: 'stages'; readonly from: readonly number[] }
  readonly inputSchema: StructType
  readonly ops: readonly ChainOp[]
  readonly outputSchema: StructType
  readonly hosts: readonly number[]
  /** None for the one that feeds the sink. */
  readonly outputs: readonly StageOutput[]
}

/**
 * Decides which task runs where, once. Inline, all run on the caller's thread. Else a stage's tasks are spread over the workers; what only
 * the caller's thread can do (rows or closures that live there) becomes a stage of its own in front or behind, so that the caller computes
 * nothing.
 */
export const placeStages = (
  plan: PhysicalPlan,
  workers: number,
  sourceOf: (id: string) => PlacedSource,
  sink: SinkDescription,
): PlacedStage[] => {
  const placed: { -readonly [K in keyof PlacedStage]: PlacedStage[K] }[] = plan.stages.map(stage => ({
    id: String(stage.id),
    input: stage.input,
    inputSchema: stage.inputSchema,
    ops: stage.ops,
    outputSchema: stage.outputSchema,
    hosts: Array.from({ length: stage.parallelism }, (_, i) => (workers === 0 ? CALLER : 1 + ((stage.id + i) % workers))),
    outputs: stage.outputs,
  }))
  if (workers === 0) return placed
  for (const stage of [...placed]) {
    const callerOnly =
      stage.input.kind === 'local' || (stage.input.kind === 'source' && sourceOf(stage.input.source.id).description.home === 'caller')
    if (!callerOnly) continue
    const reader = {
      ...stage,
      id: `${stage.id}r`,
      ops: [],
      outputSchema: stage.inputSchema,
      hosts: [CALLER],
      outputs: [{ to: placed.indexOf(stage), exchange: { kind: 'single' } as const, after: -1, schema: stage.inputSchema }],
    }
    const at = placed.push(reader) - 1
    stage.input = { kind: 'stages', from: [at] }
  }
  const last = placed.findIndex(stage => stage.outputs.length === 0)
  const toWriter = (to: number): StageOutput[] => {
    const { ops, outputSchema } = placed[last]
    return [{ to, exchange: { kind: 'single' }, after: ops.length - 1, schema: outputSchema }]
  }
  if (sink.home === 'caller') {
    const writer = {
      id: `${placed[last].id}w`,
      input: { kind: 'stages', from: [last] } as const,
      inputSchema: placed[last].outputSchema,
      ops: [],
      outputSchema: placed[last].outputSchema,
      hosts: [CALLER],
      outputs: [],
    }
    placed[last].outputs = toWriter(placed.push(writer) - 1)
  } else if (placed[last].hosts.length > sink.maxWriters) {
    const writer = {
      ...placed[last],
      id: `${placed[last].id}w`,
      input: { kind: 'stages', from: [last] } as const,
      inputSchema: placed[last].outputSchema,
      ops: [],
      hosts: [placed[last].hosts[0]],
      outputs: [],
    }
    placed[last].outputs = toWriter(placed.push(writer) - 1)
  }
  return placed
}

export interface DeployInput {
  readonly stages: readonly PlacedStage[]
  readonly workers: number
  readonly sourceOf: (id: string) => PlacedSource
  readonly sink: PlacedSink
  readonly outputMode: OutputMode
  readonly tables: readonly TableSpec[]
  readonly watermarkPolicy: WatermarkPolicy
  /** Where state is kept; null: nowhere. */
  readonly stateFolder: string | null
  readonly attempt: string
  readonly idle: HostSpec['idle']
  readonly clockBase: number
  readonly start: (sourceId: string) => SourceOffset | null
  readonly metadataFolder: (sourceId: string) => string | null
  readonly restore: (stage: PlacedStage) => readonly RestoreSpec[]
  /** The id under which rows given with the plan itself are found in this process. */
  readonly localId: (stage: PlacedStage) => string
}

export interface Deployment {
  readonly hosts: readonly HostSpec[]
  readonly bells: SharedArrayBuffer
  readonly metrics: SharedArrayBuffer
  readonly meters: HostSpec['meters']
  /** Null without a checkpoint, and inline: then the coordinator writes itself. */
  readonly persister: PersisterSpec | null
}

/** Lays out rings, doorbells and histograms in shared memory, and writes down what each host must build. */
export const deploy = (input: DeployInput): Deployment => {
  const { stages, sink, workers } = input
  const bells = new SharedArrayBuffer(bellBytes(workers + 2))
  const persisterBell = workers + 1
  const edges = layOutEdges(stages)
  const last = stages.findIndex(stage => stage.outputs.length === 0)
  const meters: Record<string, { processing: number; endToEnd: number }> = {}
  let metricBytes = 0
  const tasks: TaskSpec[] = []
  for (const [s, stage] of stages.entries()) {
    for (const [partition, host] of stage.hosts.entries()) {
      const id = `${stage.id}-${partition}`
      if (s === last) {
        meters[id] = { processing: metricBytes, endToEnd: metricBytes + HISTOGRAM_BYTES }
        metricBytes += 2 * HISTOGRAM_BYTES
      }
      tasks.push({
        id,
        name: `stage${stage.id}`,
        host,
        partition,
        partitionCount: stage.hosts.length,
        inputSchema: stage.inputSchema,
        ops: stage.ops,
        outputSchema: stage.outputSchema,
        outputMode: input.outputMode,
        input: inputSpec(input, stage, s, partition, edges),
        output: outputSpec(stage, s, partition, edges, sink, input.attempt),
        watermarkPolicy: input.watermarkPolicy,
        persists: input.stateFolder !== null,
        restore: input.restore(stage),
      })
    }
  }
  const metrics = new SharedArrayBuffer(Math.max(128, metricBytes))
  const hosts: HostSpec[] = []
  const changeRings: RingSpec[] = []
  for (let host = 0; host <= workers; host++) {
    const own = tasks.filter(task => task.host === host)
    if (own.length === 0) continue
    const keepsState = input.stateFolder !== null && own.some(task => task.ops.some(op => 'operatorId' in op))
    const changes = keepsState && host !== CALLER ? { ...layOutRing(CHANGES_CAPACITY), bell: persisterBell } : null
    if (changes !== null) changeRings.push({ buffer: changes.buffer, offset: changes.offset })
    const used = new Set(own.flatMap(task => task.ops.flatMap(op => (op.kind === 'tableJoin' ? [op.tableId] : []))))
    hosts.push({
      host,
      tasks: own,
      tables: input.tables.filter(table => used.has(table.tableId)),
      bells,
      metrics,
      meters,
      changes,
      idle: host === CALLER ? 'park' : input.idle,
      loop: host !== CALLER && own.every(task => needsNoEventLoop(task, input)) ? 'blocking' : 'eventLoop',
      clockBase: input.clockBase,
    })
  }
  const { stateFolder, attempt } = input
  const persister =
    stateFolder === null || workers === 0 ? null : { folder: stateFolder, attempt, rings: changeRings, bells, bell: persisterBell }
  return { hosts, bells, metrics, meters, persister }
}

const layOutRing = (capacity: number): RingSpec => {
  const buffer = new SharedArrayBuffer(ringBytes(capacity))
  initRing(buffer, 0, { capacity })
  return { buffer, offset: 0 }
}

/** True for a task that touches rings, or a source and sink that never wait for the world. */
const needsNoEventLoop = ({ input, output }: TaskSpec, { sourceOf, sink }: DeployInput): boolean =>
  (input.kind === 'rings' || sourceOf(input.sourceId).description.home === 'anywhere') &&
  (output.kind === 'rings' || sink.description.home === 'anywhere')

/** `edges[from][output][fromPartition][toPartition]`. */
type Edges = readonly (readonly (readonly (readonly EdgeSpec[])[])[])[]

const layOutEdges = (stages: readonly PlacedStage[]): Edges => {
  /** True if a watermark operator stands on the way to these rows of a stage. */
  const withWatermark = (index: number, after: number): boolean => {
    const { ops, input } = stages[index]
    for (let i = after; i >= 0; i = upstreamOf(ops, i)) if (ops[i].kind === 'watermark') return true
    if (input.kind !== 'stages') return false
    return input.from.some(from => stages[from].outputs.some(output => output.to === index && withWatermark(from, output.after)))
  }
  return stages.map((stage, s) =>
    stage.outputs.map(({ to: targetIndex, exchange, after, schema }) => {
      const target = stages[targetIndex]
      const { vtable } = RowLayout.of(schema)
      const bytes = ringBytes(RING_CAPACITY, vtable.length)
      return stage.hosts.map((_, from) => {
        // A spread of one writer to several readers needs a ring to each; a union keeps its partition where it can.
        const targets = exchange.kind === 'single' ? [from % target.hosts.length] : target.hosts.map((__, i) => i)
        return target.hosts.map((consumerHost, to) => {
          if (!targets.includes(to)) return UNUSED
          const buffer = new SharedArrayBuffer(bytes)
          const preamble = initRing(buffer, 0, { capacity: RING_CAPACITY, preambleBytes: vtable.length })
          new Uint8Array(buffer).set(vtable, preamble)
          return { buffer, offset: 0, consumerHost, hasWatermark: withWatermark(s, after) }
        })
      })
    }),
  )
}

const UNUSED: EdgeSpec = { buffer: new SharedArrayBuffer(0), offset: 0, consumerHost: 0, hasWatermark: false }

const inputSpec = (input: DeployInput, stage: PlacedStage, index: number, partition: number, edges: Edges): InputSpec => {
  if (stage.input.kind === 'stages') {
    const incoming = stage.input.from.flatMap(from =>
      edges[from].flatMap((each, o) => (input.stages[from].outputs[o].to === index ? each.map(outgoing => outgoing[partition]) : [])),
    )
    return { kind: 'rings', edges: incoming.filter(edge => edge !== UNUSED) }
  }
  if (stage.input.kind === 'local') {
    return {
      kind: 'source',
      sourceId: `local${index}`,
      format: 'memory',
      options: { id: input.localId(stage) },
      schema: stage.inputSchema,
      columns: stage.inputSchema.fields.map((_, i) => i),
      rows: 'objects',
      streaming: false,
      readerIndex: 0,
      readerCount: 1,
      start: null,
      metadataFolder: null,
    }
  }
  const { source, columns } = stage.input
  const { format, options, description } = input.sourceOf(source.id)
  return {
    kind: 'source',
    sourceId: source.id,
    format,
    options,
    schema: description.schema,
    columns,
    rows: description.rows,
    streaming: source.streaming,
    readerIndex: partition,
    readerCount: stage.hosts.length,
    start: input.start(source.id),
    metadataFolder: input.metadataFolder(source.id),
  }
}

const outputSpec = (stage: PlacedStage, index: number, partition: number, edges: Edges, sink: PlacedSink, attempt: string): OutputSpec => {
  if (stage.outputs.length === 0) {
    return {
      kind: 'sink',
      format: sink.format,
      options: sink.options,
      rows: sink.description.rows,
      writerIndex: partition,
      writerCount: stage.hosts.length,
      attempt,
    }
  }
  const outlets = stage.outputs.map(({ exchange, after, schema }, o) => ({
    edges: edges[index][o][partition].filter(edge => edge !== UNUSED),
    partitioning: exchange,
    after,
    schema,
  }))
  return { kind: 'rings', outlets }
}
