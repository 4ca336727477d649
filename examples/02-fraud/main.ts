import { parseArgs } from 'node:util'
import { col, count, type DataFrame, EngineError, parseTrigger, sum, WalkwaySession, window } from 'walkway'
import { Alerts } from './alerts.ts'
import { paymentsOf, rules } from './payments.ts'
import { StatusLine } from './status-line.ts'

const USAGE = `npm start -- [MODE] [OPTIONS]   watches card payments for fraud, until Ctrl-C

MODE   realTime (the default), "realTime 100 ms", "processingTime 1 second", default, availableNow, once, batch
--seconds N          stops by itself
--rate N             payments a second of a stream (5000)
--rows N             payments of a batch (500000)
--master MASTER      inline, local (the default), local[2]: where the query runs
--checkpoint FOLDER  keeps the query's state there and goes on from it
--explain            prints the plan instead`

/** Payments and money per card and category in windows of 20 s, every 5 s, beside what the rules call usual. */
const verdicts = (payments: DataFrame, rules: DataFrame): DataFrame =>
  payments
    .withWatermark('time', '1 second')
    .groupBy(window('time', '20 seconds', '5 seconds'), col('card'), col('category'))
    .agg(count('*').alias('payments'), sum('cents').alias('cents'))
    .join(rules, 'category')
    .withColumn(
      'isAlert',
      col('payments')
        .gt(col('maxCount'))
        .or(col('cents').gt(col('maxCents'))),
    )

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string' },
      rate: { type: 'string', default: '5000' },
      rows: { type: 'string', default: '500000' },
      master: { type: 'string', default: 'local' },
      checkpoint: { type: 'string' },
      explain: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return console.log(USAGE)
  const [mode = 'realTime', ...others] = positionals
  if (others.length > 0) throw new UsageError(`One mode at a time: ${positionals.join(', ')}`)
  const seconds = values.seconds === undefined ? null : positive('seconds', values.seconds)

  await using session = WalkwaySession.builder().master(values.master).create()
  const isBatch = mode === 'batch'
  const payments = isBatch
    ? paymentsOf(session.range(positive('rows', values.rows)), 'id')
    : paymentsOf(session.readStream.format('rate').option('rowsPerSecond', positive('rate', values.rate)).load(), 'value')
  const scored = verdicts(payments, rules(session))
  if (values.explain) return void (await scored.explain('extended'))

  using status = new StatusLine(session, mode)
  const alerts = new Alerts(text => status.print(text))
  const stop = stopSignal()
  if (isBatch) {
    const done = scored.write.foreach(row => alerts.judge(row)).then(() => true)
    if ((await Promise.race([done, stop, ...after(seconds)])) !== true) {
      // A batch has nothing to drain: its rows are there for the next run as well.
      status.print('mode batch: stopped before its end')
      process.exit()
    }
    status.summarize(alerts.count)
  } else {
    const writer = scored.writeStream
      .outputMode('update')
      .trigger(parseTrigger(mode))
      .foreach(row => alerts.judge(row))
    if (values.checkpoint !== undefined) writer.option('checkpointLocation', values.checkpoint)
    const query = await writer.start()
    status.follow(query)
    await Promise.race([query.awaitTermination(), stop, ...after(seconds)])
    await query.stop()
    status.summarize(alerts.count)
  }
}

class UsageError extends Error {}

const positive = (name: string, text: string): number => {
  const value = Number(text)
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) throw new UsageError(`--${name} is ${text}: expected a number above 0`)
  return value
}

/** Resolves at Ctrl-C or at SIGTERM. Later signals are ignored: npm passes on the one that the terminal has sent already. */
const stopSignal = (): Promise<void> => new Promise(resolve => process.on('SIGINT', resolve).on('SIGTERM', resolve))

/** Resolves after the seconds given, of a query that has started: however long that took, it has its time. */
const after = (seconds: number | null): Promise<void>[] =>
  seconds === null ? [] : [new Promise(resolve => void setTimeout(resolve, seconds * 1000).unref())]

main().catch(error => {
  const isUsage = error instanceof UsageError || String(error?.code).startsWith('ERR_PARSE_ARGS')
  if (isUsage) console.error(`${error.message}\n\n${USAGE}`)
  else console.error(error instanceof EngineError ? error.message : error)
  process.exitCode = isUsage ? 2 : 1
})
