import { base64, col, concat, count, type DataFrame, lit, rand, type WalkwaySession } from 'walkway'

/**
 * The three queries by which Spark's Real-Time Mode was introduced, over records of Kafka.
 *
 * A, stateless: base64 of the value.
 * B, stateful: how often the same value came with the same timestamp, as base64 of `count,value`.
 * C, a join: a random key from 0 to 9,999 looks itself up in a table of 1 to 9,999, so one record in 10,000 finds no partner.
 */
export type QueryName = 'A' | 'B' | 'C'

export const isQueryName = (name: string | undefined): name is QueryName => name === 'A' || name === 'B' || name === 'C'

export const kafkaQuery = (name: QueryName, records: DataFrame, session: WalkwaySession): DataFrame => {
  switch (name) {
    case 'A':
      return records.select('key', base64('value').alias('value'))
    case 'B':
      return records
        .groupBy('timestamp', 'value')
        .agg(count('*').alias('count'))
        .select(base64(concat(col('count').cast('string').cast('binary'), lit(',').cast('binary'), col('value'))).alias('value'))
    case 'C':
      return records
        .withColumn('id', rand().multiply(10_000).cast('bigint'))
        .join(session.range(1, 10_000), 'id')
        .select('key', base64('value').alias('value'))
  }
}
