import { col, count, Trigger, timestampMillis, WalkwaySession, window } from 'walkway'

await using session = WalkwaySession.builder().master('inline').create()
const clicks = session.pushStream('page STRING, at BIGINT')
const perMinute = clicks
  .toDF()
  .withColumn('time', timestampMillis('at'))
  .withWatermark('time', '10 seconds')
  .groupBy(window('time', '1 minute'), col('page'))
  .agg(count('*').alias('clicks'))

const query = perMinute.writeStream.outputMode('update').trigger(Trigger.realTime('1 second'))
await query.foreach(row => console.log(`${row.page}: ${row.clicks}`)).start()
for (const page of ['/home', '/cart', '/home']) clicks.push({ page, at: Date.now() })
