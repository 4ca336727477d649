import { col, type StreamingQuery, type Trigger, udf, when } from 'walkway'
import { sessionOf } from './throughput.ts'

const KEYS = 4
const thread = udf.module(new URL('./thread.js', import.meta.url), 'thread', 'int')

/** Keys whose rows leave the thread of their source: found by asking, since how keys are spread is the engine's own affair. */
const farKeys = async (): Promise<number[]> => {
  const rows = await sessionOf('local[2]')
    .range(64)
    .select(col('id').cast('int').alias('key'), thread('id').alias('from'))
    .repartition(2, 'key')
    .select('key', 'from', thread('key').alias('to'))
    .collect()
  const far = rows.filter(({ from, to }) => from !== to).map(({ key }) => Number(key))
  if (far.length < KEYS) throw new Error(`of 64 keys only ${far.length} change threads`)
  return far.slice(0, KEYS)
}

/**
 * Starts a query whose every row crosses threads: an open-loop source on one worker → exchange by key → map → nowhere on the other, with
 * workers that spin. Without a folder for checkpoints, it makes none.
 */
export const startFarChain = async (rowsPerSecond: number, trigger: Trigger, checkpoint: string | null): Promise<StreamingQuery> => {
  const [first, ...others] = await farKeys()
  const turn = col('value').mod(KEYS)
  const key = others.reduce((chosen, other, i) => chosen.when(turn.equalTo(i), other), when(turn.equalTo(KEYS - 1), first))
  return sessionOf('local[2]', { idleStrategy: 'spin' })
    .readStream.format('rate')
    .option('rowsPerSecond', rowsPerSecond)
    .load()
    .withColumn('key', key)
    .repartition(2, 'key')
    .withColumn('mapped', col('value').plus(1))
    .writeStream.format('noop')
    .outputMode('append')
    .trigger(trigger)
    .options(checkpoint === null ? {} : { checkpointLocation: checkpoint })
    .start()
}
