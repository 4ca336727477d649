import { expect, test } from 'vitest'
import { col, count, type DataFrame, sum, Trigger, udf, type WalkwaySession, when, window } from '../../src/index.ts'

// Goal: mistakes that an editor can show are shown. Method: each line below is wrong, and `tsc -p test` fails if it compiles after all: an
// expected error that does not come is an error. None of it runs.

const refusedTriggers = (df: DataFrame): void => {
  // @ts-expect-error: no such trigger
  df.writeStream.trigger({ realtime: '1 second' })
  // @ts-expect-error: an interval is a text or millis
  df.writeStream.trigger({ processingTime: true })
  // @ts-expect-error: it is there or it is not
  df.writeStream.trigger({ availableNow: false })
  // @ts-expect-error: the name of a trigger is not a trigger; parseTrigger makes one of it
  df.writeStream.trigger('realTime')
  // @ts-expect-error: batch is no trigger of a stream
  df.writeStream.trigger({ kind: 'batch' })
  // @ts-expect-error: it takes no interval
  Trigger.availableNow('1 second')
}

const refusedModes = (df: DataFrame): void => {
  // @ts-expect-error: there are append, update and complete
  df.writeStream.outputMode('replace')
  // @ts-expect-error: a table has no output mode
  df.write.outputMode('append')
  // @ts-expect-error: a table is not started
  df.write.start()
  // @ts-expect-error: options are texts, numbers and booleans
  df.writeStream.option('path', { path: '/tmp' })
  // @ts-expect-error: simple, extended or codegen
  void df.explain('all')
}

const refusedColumns = (df: DataFrame): void => {
  // @ts-expect-error: a condition is a column
  df.filter('a > 1')
  // @ts-expect-error: so is what a new column holds
  df.withColumn('b', 1)
  // @ts-expect-error: a literal is no plain object
  col('a').equalTo({ a: 1 })
  // @ts-expect-error: nothing to aggregate
  df.groupBy('a').agg()
  // @ts-expect-error: an aggregate is a column, not its name
  df.groupBy('a').agg('count')
  // @ts-expect-error: a case begins with a condition
  when(true, 1)
  // @ts-expect-error: a window has a size
  window('time')
  // @ts-expect-error: names of columns
  df.dropDuplicates(col('a'))
  // @ts-expect-error: one list, or one by one
  df.dropDuplicates(['a'], 'b')
  // @ts-expect-error: nothing to sort by
  df.sort([])
  // @ts-expect-error: rows are grouped, and then aggregated
  df.groupBy('a').filter(col('a'))
  // @ts-expect-error: a sum of something
  sum()
}

const refusedSessions = (session: WalkwaySession): void => {
  // @ts-expect-error: the settings of a session are given to its builder
  session.master('local[2]')
  // @ts-expect-error: a push stream has a schema
  session.pushStream()
  // @ts-expect-error: a row is an object
  session.pushStream('a INT').push(1)
  // @ts-expect-error: a user function has a type
  udf((a: number) => a + 1)
  // @ts-expect-error: idle strategies and the like are options, and have no any
  session.config.idleStrategy
}

/** What must compile, so that the refusals above are not for another reason. */
const accepted = (df: DataFrame, session: WalkwaySession): void => {
  df.writeStream.trigger({ realTime: '1 second' }).trigger({ processingTime: 100 }).trigger({ availableNow: true }).trigger(Trigger.once())
  df.writeStream.outputMode('update').option('checkpointLocation', '/tmp').option('numRows', 5).option('truncate', false)
  df.filter(col('a').gt(1)).withColumn('b', when(col('a').gt(1), 'x').otherwise(null))
  df.groupBy('a', window('time', '1 minute')).agg(count('*'), sum(udf((a: number) => a + 1, 'int')('a')))
  session.pushStream('a INT').push({ a: 1 })
}

test('the lines above are checked by tsc, not run', () => {
  for (const never of [refusedTriggers, refusedModes, refusedColumns, refusedSessions, accepted]) expect(never).toBeTypeOf('function')
})
