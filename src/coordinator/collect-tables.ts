import { recordBuffers } from '../connector/record-sink.ts'
import { sinkConnector, sourceConnector } from '../connector/registry.ts'
import type { AnalyzedPlan } from '../plan/analyzed-plan.ts'
import type { SourceNode } from '../plan/logical-plan.ts'
import { planPhysical, type TablePlan } from '../plan/physical-plan.ts'
import { shareParts } from '../plan/share-parts.ts'
import { RecordBuffer } from '../record/record-buffer.ts'
import { RowLayout } from '../record/row-layout.ts'
import type { TableSpec } from '../runtime/task-spec.ts'
import { type PlacedSource, placeStages } from './placement.ts'
import { functionsOf, type PreparedQuery } from './prepare-query.ts'
import type { QueryOptions } from './query-options.ts'
import { QueryRun } from './query-run.ts'

/**
 * Reads the static sides of joins to their end, each by a batch of its own in the caller's thread, and keeps them as records that any
 * thread can take.
 */
export const collectTables = async (tables: readonly TablePlan[], options: QueryOptions): Promise<TableSpec[]> => {
  const specs: TableSpec[] = []
  for (const { tableId, plan, keys } of tables) {
    const buffer = new RecordBuffer(RowLayout.of(plan.schema))
    await runBatch(plan, options, buffer)
    specs.push({ tableId, schema: plan.schema, keys, bytes: buffer.save() })
  }
  return specs
}

/** Runs a plan over finite inputs, inline, and puts its rows into a buffer as the records that they are: a Date would lose the micros. */
const runBatch = async (plan: AnalyzedPlan, options: QueryOptions, buffer: RecordBuffer): Promise<void> => {
  const sinkOptions = { id: recordBuffers.put(buffer) }
  const sources = new Map<string, PlacedSource>()
  for (const source of sourcesOf(plan)) {
    const description = await sourceConnector(source.format).describe(source.options, source.schema, false)
    sources.set(source.id, { format: source.format, options: source.options, description })
  }
  const description = await sinkConnector('records').describe(sinkOptions, plan.schema)
  const physical = planPhysical(shareParts(plan), 1, 'append')
  const sourceOf = (source: string): PlacedSource => {
    const found = sources.get(source)
    if (found === undefined) throw new Error(`no source ${source}`)
    return found
  }
  const prepared: PreparedQuery = {
    analyzed: plan,
    optimized: plan,
    physical,
    stages: placeStages(physical, 0, sourceOf, description),
    sources,
    sink: { format: 'records', options: sinkOptions, description },
    schema: plan.schema,
    delays: new Map(),
    isTimed: false,
    functions: functionsOf(physical),
  }
  const run = new QueryRun(
    {
      ...options,
      sink: { format: 'records', options: sinkOptions, holds: buffer },
      outputMode: 'append',
      trigger: { kind: 'batch' },
      checkpointLocation: null,
      workers: 0,
      onProgress: () => {},
      onIdle: () => {},
    },
    prepared,
  )
  await run.awaitTermination()
}

const sourcesOf = (plan: AnalyzedPlan): SourceNode[] => {
  switch (plan.kind) {
    case 'source':
      return [plan.source]
    case 'localRelation':
      return []
    case 'union':
      return plan.inputs.flatMap(sourcesOf)
    case 'tableJoin':
      return [...sourcesOf(plan.child), ...sourcesOf(plan.table)]
    default:
      return sourcesOf(plan.child)
  }
}
