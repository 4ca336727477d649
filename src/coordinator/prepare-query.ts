import { EngineError } from '../base/errors.ts'
import { RowLog, rowLogs } from '../connector/memory-source.ts'
import { checkOptionNames } from '../connector/options.ts'
import { sinkConnector, sourceConnector } from '../connector/registry.ts'
import type { Bound } from '../expression/expression.ts'
import { analyze } from '../plan/analyze.ts'
import type { AnalyzedPlan } from '../plan/analyzed-plan.ts'
import { checkStreaming } from '../plan/check-streaming.ts'
import type { LogicalPlan, SourceNode } from '../plan/logical-plan.ts'
import { optimize } from '../plan/optimize.ts'
import { type PhysicalPlan, planPhysical } from '../plan/physical-plan.ts'
import { shareParts } from '../plan/share-parts.ts'
import type { StructType } from '../record/data-type.ts'
import { type PlacedSink, type PlacedSource, type PlacedStage, placeStages } from './placement.ts'
import { checkSinkOptions, type QueryOptions } from './query-options.ts'

/** A query that has been found to make sense: what it does, where its parts run, and what it reads and writes. */
export interface PreparedQuery {
  readonly analyzed: AnalyzedPlan
  readonly optimized: AnalyzedPlan
  readonly physical: PhysicalPlan
  readonly stages: readonly PlacedStage[]
  readonly sources: ReadonlyMap<string, PlacedSource>
  readonly sink: PlacedSink
  readonly schema: StructType
  /** Delay of each watermark operator, in millis. */
  readonly delays: ReadonlyMap<number, number>
  /** True if some operator's state is bound to event time. */
  readonly isTimed: boolean
  /** Exports of modules that user functions refer to. */
  readonly functions: readonly { readonly url: string; readonly name: string }[]
}

/**
 * Asks sources and sink what they are, analyzes, checks, optimizes and places. Throws EngineErrors with fate 'user'. Nothing has been
 * started when it returns.
 */
export const prepareQuery = async (options: QueryOptions): Promise<PreparedQuery> => {
  const { outputMode, trigger, workers } = options
  const streaming = trigger.kind !== 'batch'
  const sources = new Map<string, PlacedSource>()
  const sink = sinkConnector(options.sink.format)
  checkSinkOptions(sink, options.sink.options)
  for (const source of sourcesOf(options.plan)) {
    const connector = sourceConnector(source.format)
    if (connector.options !== undefined)
      checkOptionNames(
        `Format ${source.format}`,
        Object.keys(source.options).filter(name => name !== 'id'),
        connector.options,
      )
    const description = await connector.describe(source.options, source.schema, source.streaming)
    sources.set(source.id, { format: source.format, options: source.options, description, holds: source.holds })
  }
  const analyzed = analyze(options.plan)
  if (streaming) checkStreaming(analyzed, outputMode)
  else if (analyzed.streaming && options.explaining !== true)
    throw new EngineError('UNSUPPORTED_OPERATION', { operation: 'write or collect on a stream: use writeStream' })
  const optimized = optimize(analyzed.plan)
  const physical = planPhysical(shareParts(optimized), Math.max(1, workers), outputMode)
  const sinkOptions = { ...options.sink.options, outputMode }
  const sinkDescription = await sink.describe(sinkOptions, analyzed.plan.schema)
  if (streaming && !sinkDescription.outputModes.includes(outputMode)) {
    throw new EngineError('UNSUPPORTED_OUTPUT_MODE', {
      mode: outputMode,
      reason: `the sink ${options.sink.format} takes ${sinkDescription.outputModes.join(', ')}`,
    })
  }
  const sourceOf = (id: string): PlacedSource => {
    const source = sources.get(id)
    if (source === undefined) throw new Error(`no source ${id}`)
    return source
  }
  const ops = physical.stages.flatMap(stage => stage.ops)
  return {
    analyzed: analyzed.plan,
    optimized,
    physical,
    stages: placeStages(physical, workers, sourceOf, sinkDescription),
    sources,
    sink: { format: options.sink.format, options: sinkOptions, description: sinkDescription },
    schema: optimized.schema,
    delays: new Map(ops.flatMap(op => (op.kind === 'watermark' ? [[op.watermarkId, op.delayMicros / 1000] as const] : []))),
    isTimed: ops.some(
      op =>
        // What is complete says everything again each time, and lets go of nothing.
        (op.kind === 'aggregate' && op.eventTimeKey !== null && outputMode !== 'complete') ||
        (op.kind === 'deduplicate' && op.time !== null) ||
        (op.kind === 'streamJoin' && (op.timeKey !== null || op.left.bounds.length + op.right.bounds.length > 0)),
    ),
    functions: functionsOf(physical),
  }
}

/** Exports of modules that a plan's user functions refer to. */
export const functionsOf = ({ stages }: PhysicalPlan): { url: string; name: string }[] =>
  stages.flatMap(stage => stage.ops.flatMap(op => expressionsOf(op).flatMap(moduleFunctions)))

/** Streaming and batch sources of a plan, static tables of joins left out: those are read before. */
export const sourcesOf = (plan: LogicalPlan): SourceNode[] => {
  switch (plan.kind) {
    case 'source':
      return [plan]
    case 'localRelation':
      return []
    case 'union':
      return plan.inputs.flatMap(sourcesOf)
    case 'join':
      return [...sourcesOf(plan.left), ...sourcesOf(plan.right)]
    default:
      return sourcesOf(plan.child)
  }
}

const expressionsOf = (op: PhysicalPlan['stages'][number]['ops'][number]): Bound[] => {
  switch (op.kind) {
    case 'filter':
      return [op.condition]
    case 'project':
      return [...op.columns]
    case 'aggregate':
      return [...op.keys, ...op.aggregates.flatMap(({ arg, filter }) => [arg, filter]).filter(e => e !== null)]
    case 'deduplicate':
      return [...op.keys]
    case 'markDistinct':
      return [...op.keys, ...op.values, ...(op.condition === null ? [] : [op.condition])]
    case 'sort':
      return op.by.map(({ value }) => value)
    case 'streamJoin':
      return [op.left.condition, op.right.condition, op.residual].filter(e => e !== null)
    case 'tableJoin':
      return [...op.streamKeys, ...op.tableKeys, ...(op.residual === null ? [] : [op.residual])]
    default:
      return []
  }
}

const moduleFunctions = (bound: Bound): { url: string; name: string }[] => {
  switch (bound.kind) {
    case 'input':
    case 'literal':
      return []
    case 'udf':
      return [
        ...(bound.ref.kind === 'module' ? [{ url: bound.ref.url, name: bound.ref.name }] : []),
        ...bound.args.flatMap(moduleFunctions),
      ]
    case 'call':
      return bound.args.flatMap(moduleFunctions)
    case 'case':
      return [
        ...bound.branches.flatMap(({ when, then }) => [...moduleFunctions(when), ...moduleFunctions(then)]),
        ...(bound.otherwise === null ? [] : moduleFunctions(bound.otherwise)),
      ]
    case 'struct':
      return bound.fields.flatMap(moduleFunctions)
    default:
      return moduleFunctions(bound.child)
  }
}

/** Puts the rows that stand in the plan itself where the memory source finds them, for as long as somebody holds the log. */
export const registerLocal = (stage: PlacedStage): { readonly id: string; readonly log: RowLog } => {
  const log = new RowLog()
  if (stage.input.kind === 'local') log.append(stage.input.rows)
  return { id: rowLogs.put(log), log }
}
