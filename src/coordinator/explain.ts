import { boundText } from '../expression/bound-text.ts'
import { compileChain } from '../operator/chain.ts'
import type { ChainOutput } from '../operator/chain-output.ts'
import type { ChainEnds } from '../operator/chain-spec.ts'
import { ChainState } from '../operator/chain-state.ts'
import { StaticTable } from '../operator/static-table.ts'
import { type Exchange, type StageOutput, upstreamOf } from '../plan/physical-plan.ts'
import { analyzedText, logicalText, operatorText } from '../plan/plan-text.ts'
import { ColumnBatch } from '../record/column-batch.ts'
import { structType } from '../record/data-type.ts'
import { RecordBuffer } from '../record/record-buffer.ts'
import { RowLayout } from '../record/row-layout.ts'
import { CALLER, type PlacedStage } from './placement.ts'
import { type PreparedQuery, prepareQuery } from './prepare-query.ts'
import type { QueryOptions } from './query-options.ts'

/** simple: the physical plan; extended: the logical, analyzed and optimized ones too; codegen: the JavaScript of each stage. */
export type ExplainMode = 'simple' | 'extended' | 'codegen'

/** The plan of a query that is not started. Asks sources and sink what they are. Throws what is wrong with the query. */
export const explainPlan = async (options: QueryOptions, mode: ExplainMode): Promise<string> =>
  explainQuery(await prepareQuery({ ...options, explaining: true }), options, mode)

export const explainQuery = (prepared: PreparedQuery, options: QueryOptions, mode: ExplainMode): string => {
  const parts: string[] = []
  if (mode === 'extended') {
    parts.push(`== Logical Plan ==\n${logicalText(options.plan)}`)
    parts.push(`== Analyzed Plan ==\n${analyzedText(prepared.analyzed)}`)
    parts.push(`== Optimized Plan ==\n${analyzedText(prepared.optimized)}`)
  }
  parts.push(`== Physical Plan ==\n${physicalText(prepared, options)}`)
  if (mode === 'codegen')
    for (const stage of prepared.stages)
      parts.push(`== Generated code of stage ${stage.id} ==\n${codeOf(stage, prepared, options).join('\n\n')}`)
  return parts.join('\n\n')
}

const physicalText = (prepared: PreparedQuery, options: QueryOptions): string => {
  const { stages, sink, physical } = prepared
  const lines = stages.flatMap((stage, i) => [
    `Stage ${stage.id}: ${stage.hosts.length} ${stage.hosts.length === 1 ? 'task' : 'tasks'} on ${hostsText(stage.hosts)}`,
    `   from ${inputText(stage, stages, prepared)}`,
    ...waysText(stage, -1, output => `stage ${stages[output.to].id} by ${exchangeText(output.exchange)}`, sink.description.label),
    ...(i < stages.length - 1 ? [''] : []),
  ])
  const tables = physical.tables.map(
    table => `Table ${table.tableId}, read once at the start, on every worker that joins with it:\n${analyzedText(table.plan)}`,
  )
  return [...lines, ...tables, '', guaranteeText(prepared, options), ...checkpointText(options)].join('\n')
}

/** What follows an operator, -1 for the input. Where rows go several ways, one after another. */
const waysText = (
  stage: PlacedStage,
  after: number,
  textOf: (output: StageOutput) => string,
  sinkText: string,
  indent = '   ',
): readonly string[] => {
  const { ops, outputs } = stage
  const next = [...ops.keys()].filter(i => upstreamOf(ops, i) === after)
  const ends = outputs.filter(output => output.after === after).map(output => `to ${textOf(output)}`)
  if (outputs.length === 0 && after === ops.length - 1) ends.push(`to sink ${sinkText}`)
  const isTee = next.length + ends.length > 1
  const inner = isTee ? `${indent}   ` : indent
  return [
    ...(isTee ? [`${indent}Reused, ${next.length + ends.length} ways:`] : []),
    ...next.flatMap(i => [`${inner}${operatorText(ops[i])}`, ...waysText(stage, i, textOf, sinkText, inner)]),
    ...ends.map(end => `${inner}${end}`),
  ]
}

const hostsText = (hosts: readonly number[]): string =>
  [...new Set(hosts)].map(host => (host === CALLER ? 'the caller’s thread' : `worker ${host}`)).join(', ')

const inputText = (stage: PlacedStage, stages: readonly PlacedStage[], prepared: PreparedQuery): string => {
  switch (stage.input.kind) {
    case 'source':
      return `source ${prepared.sources.get(stage.input.source.id)?.description.label ?? stage.input.source.format} [${stage.inputSchema.fields.map(f => f.name).join(', ')}]`
    case 'local':
      return `${stage.input.rows.length} local rows`
    default:
      return stage.input.from.map(from => `stage ${stages[from].id}`).join(' and ')
  }
}

const exchangeText = (exchange: Exchange): string => {
  switch (exchange.kind) {
    case 'hash':
      return `hash of ${exchange.keys.map(boundText).join(', ')}`
    case 'roundRobin':
      return 'turns'
    default:
      return 'one ring'
  }
}

/** What a reader of the sink may rely on, and when he sees rows. */
const guaranteeText = (prepared: PreparedQuery, options: QueryOptions): string => {
  const { sink, sources } = prepared
  const { trigger, checkpointLocation } = options
  const mode =
    trigger.kind === 'realTime'
      ? `Mode: real time, a checkpoint every ${trigger.intervalMillis} ms`
      : trigger.kind === 'batch'
        ? 'Mode: batch'
        : `Mode: micro-batch (${trigger.kind}${trigger.kind === 'processingTime' ? ` ${trigger.intervalMillis} ms` : ''})`
  if (trigger.kind === 'batch')
    return `${mode}\nGuarantee: the rows of a finished batch, once; of a failed one, none that a file sink shows`
  const frail = [...sources.values()].filter(source => !source.description.replayable).map(source => source.description.label)
  const guarantee =
    checkpointLocation === null
      ? 'none across a failure: there is no checkpointLocation'
      : frail.length > 0
        ? `at most once from ${frail.join(', ')}, which cannot be read again; state exactly once for what was read`
        : `${sink.description.guarantee} to ${sink.description.label}; state exactly once`
  const visible =
    sink.description.guarantee === 'exactly-once'
      ? 'when the epoch is committed'
      : trigger.kind === 'realTime'
        ? 'as they are made'
        : 'as the micro-batch runs'
  return `${mode}\nGuarantee: ${guarantee}\nRows become visible ${visible}`
}

/** Who writes checkpoints. */
const checkpointText = ({ trigger, checkpointLocation, workers }: QueryOptions): string[] => {
  if (trigger.kind === 'batch' || checkpointLocation === null) return []
  const writer = workers === 0 ? 'the platform’s I/O threads' : 'the persister, a thread of its own'
  return [`Checkpoints in ${checkpointLocation}, written by ${writer}`]
}

/** Compiles a stage as its task does, over memory of its own. */
const codeOf = (stage: PlacedStage, prepared: PreparedQuery, options: QueryOptions): readonly string[] => {
  const state = new ChainState(stage.ops.filter(op => op.kind === 'watermark').length, options.clock.now)
  const layout = RowLayout.of(stage.outputSchema)
  const source = stage.input.kind === 'source' ? prepared.sources.get(stage.input.source.id) : undefined
  const columns = stage.input.kind === 'source' ? stage.input.columns : stage.inputSchema.fields.map((_, i) => i)
  const sink: ChainOutput =
    prepared.sink.description.rows === 'objects'
      ? { kind: 'objects', schema: stage.outputSchema, out: { push: () => {} } }
      : { kind: 'records', layout, out: new RecordBuffer(layout) }
  const ends = stage.outputs.map(({ after, schema, exchange }): ChainEnds['ends'][number] => {
    const to = RowLayout.of(schema)
    const output: ChainOutput =
      exchange.kind === 'hash'
        ? { kind: 'hash', layout: to, outs: [new RecordBuffer(to), new RecordBuffer(to)], keys: exchange.keys }
        : { kind: 'records', layout: to, out: new RecordBuffer(to) }
    return { after, output }
  })
  return compileChain({
    name: `stage${stage.id}`,
    input:
      source?.description.rows === 'objects' || stage.input.kind === 'local'
        ? { kind: 'objects', schema: structType(stage.inputSchema.fields), columns }
        : source?.description.rows === 'columns'
          ? { kind: 'columns', batch: new ColumnBatch(RowLayout.of(stage.inputSchema), 1) }
          : { kind: 'records', layout: RowLayout.of(stage.inputSchema) },
    inputSchema: stage.inputSchema,
    ops: stage.ops,
    output: ends.length === 0 ? sink : { kind: 'ends', ends },
    outputMode: options.outputMode,
    state,
    tables: new Map(
      prepared.physical.tables.map(table => [
        table.tableId,
        new StaticTable(table.plan.schema, new RecordBuffer(RowLayout.of(table.plan.schema)), table.keys),
      ]),
    ),
    isFull: () => false,
  }).sources
}
