import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { queryOptionNames } from '../../src/coordinator/query-options.ts'
import {
  col,
  count,
  type DataFrame,
  type DataStreamWriter,
  parseTrigger,
  Trigger,
  type TriggerOptions,
  WalkwaySession,
} from '../../src/index.ts'
import { masters, withSession } from '../support/masters.ts'

// Goal: whatever is wrong with a query is told when it is written or started, by a code, the offending value and the way out; and what was
// refused leaves nothing behind. Method: one line a mistake.

const folder = mkdtempSync(join(tmpdir(), 'walkway-start-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SCHEMA = 'name STRING, price DOUBLE, time TIMESTAMP'

interface Mistake {
  readonly code: string
  readonly says: RegExp
  readonly start: (frame: DataFrame, session: WalkwaySession) => unknown
}

const noop = (frame: DataFrame): DataStreamWriter => frame.writeStream.format('noop')
const trigger = (value: unknown) => (frame: DataFrame) => noop(frame).trigger(value as TriggerOptions)

const mistakes: Readonly<Record<string, Mistake>> = {
  'a misspelt column': { code: 'UNRESOLVED_COLUMN', says: /prise.*price/, start: f => noop(f.select('prise')).start() },
  'a misspelt column of a filter': { code: 'UNRESOLVED_COLUMN', says: /nmae.*name/, start: f => noop(f.filter(col('nmae').gt(1))).start() },
  'a misspelt column in foreachBatch': {
    code: 'UNRESOLVED_COLUMN',
    says: /prise/,
    start: f => f.select('prise').writeStream.foreachBatch(() => {}),
  },
  'a condition that is none': {
    code: 'DATATYPE_MISMATCH',
    says: /filter.*boolean.*double/,
    start: f => noop(f.filter(col('price'))).start(),
  },
  'complete without an aggregation': {
    code: 'UNSUPPORTED_OUTPUT_MODE',
    says: /complete.*append/,
    start: f => noop(f).outputMode('complete').start(),
  },
  'append of totals that are never final': {
    code: 'UNSUPPORTED_OUTPUT_MODE',
    says: /append.*withWatermark/,
    start: f => noop(f.groupBy('name').agg(count('*'))).start(),
  },
  'an output mode that is none': {
    code: 'UNSUPPORTED_OUTPUT_MODE',
    says: /replace.*append, update and complete/,
    start: f => noop(f).outputMode('replace' as 'append'),
  },
  'a mode that the sink cannot take': {
    code: 'UNSUPPORTED_OUTPUT_MODE',
    says: /update.*json.*append/,
    start: f => f.groupBy('name').count().writeStream.format('json').outputMode('update').start(join(folder, 'out')),
  },
  'no sink': { code: 'MISSING_SINK', says: /format\(…\)/, start: f => f.writeStream.start() },
  'a file sink without a path': { code: 'MISSING_OPTION', says: /json.*path/, start: f => f.writeStream.format('json').start() },
  'a memory sink without a name': { code: 'MISSING_OPTION', says: /memory.*queryName/, start: f => f.writeStream.format('memory').start() },
  'a table, as a stream': {
    code: 'NO_STREAMING_SOURCE',
    says: /readStream/,
    start: (_, s) => noop(s.range(3)).start(),
  },
  'a stream, as a table': { code: 'UNSUPPORTED_OPERATION', says: /writeStream/, start: f => f.collect() },
  'a stream that is written once': { code: 'UNSUPPORTED_OPERATION', says: /writeStream/, start: f => f.write.format('noop').save() },
  'a sink that does not exist': {
    code: 'UNKNOWN_FORMAT',
    says: /sink named consol\b.*console/,
    start: f => f.writeStream.format('consol').start(),
  },
  'a source that does not exist': {
    code: 'UNKNOWN_FORMAT',
    says: /source named rat\b.*rate/,
    start: (_, s) => s.readStream.format('rat').load(),
  },
  'a format of a method of its own': {
    code: 'UNSUPPORTED_OPERATION',
    says: /push.*session\.pushStream/,
    start: (_, s) => noop(s.readStream.format('push').schema(SCHEMA).load()).start(),
  },
  'a foreach by its name': {
    code: 'UNSUPPORTED_OPERATION',
    says: /foreach.*foreach\(…\)/,
    start: f => f.writeStream.format('foreach').start(),
  },
  'the rate as a table': {
    code: 'UNSUPPORTED_OPERATION',
    says: /rate.*readStream/,
    start: (_, s) => s.read.format('rate').load().collect(),
  },
  'a misspelt option of a source': {
    code: 'UNKNOWN_OPTION',
    says: /rate.*rowPerSecond.*rowsPerSecond/,
    start: (_, s) => noop(s.readStream.format('rate').option('rowPerSecond', 5).load()).start(),
  },
  'the mode of malformed lines for lines that are rows as they are': {
    code: 'UNKNOWN_OPTION',
    says: /text.*mode/,
    start: (_, s) => noop(s.readStream.format('text').option('mode', 'FAILFAST').load(folder)).start(),
  },
  'a misspelt option of a table that is joined': {
    code: 'UNKNOWN_OPTION',
    says: /range.*stop/,
    start: (f, s) => noop(f.join(s.read.format('range').options({ start: 0, stop: 3 }).load(), col('price').equalTo(col('id')))).start(),
  },
  'a misspelt option of a sink': {
    code: 'UNKNOWN_OPTION',
    says: /console.*numRow\b.*numRows/,
    start: f => f.writeStream.format('console').option('numRow', 5).start(),
  },
  'a misspelt option of the query': {
    code: 'UNKNOWN_OPTION',
    says: /checkpointLocatoin.*checkpointLocation/,
    start: f => noop(f).option('checkpointLocatoin', folder).start(),
  },
  'a path for a sink without one': { code: 'UNKNOWN_OPTION', says: /noop.*path/, start: f => noop(f).start(folder) },
  'a misspelt option of a session': {
    code: 'UNKNOWN_OPTION',
    says: /session.*idleStrategi.*idleStrategy/,
    start: () => WalkwaySession.builder().config('idleStrategi', 'spin').create(),
  },
  'a value that is no number': {
    code: 'BAD_OPTION',
    says: /rowsPerSecond is many/,
    start: (_, s) => noop(s.readStream.format('rate').option('rowsPerSecond', 'many').load()).start(),
  },
  'a rate of nothing': {
    code: 'BAD_OPTION',
    says: /rowsPerSecond is 0/,
    start: (_, s) => noop(s.readStream.format('rate').option('rowsPerSecond', 0).load()).start(),
  },
  'rows of a console that are none': {
    code: 'BAD_OPTION',
    says: /numRows is -1/,
    start: f => f.writeStream.format('console').option('numRows', -1).start(),
  },
  'a cut of a console that is none': {
    code: 'BAD_OPTION',
    says: /truncate is maybe/,
    start: f => f.writeStream.format('console').option('truncate', 'maybe').start(),
  },
  'an idle strategy that is none': {
    code: 'BAD_OPTION',
    says: /idleStrategy is doze.*spin or adaptive or park/,
    start: f => noop(f).option('idleStrategy', 'doze').start(),
  },
  'half a restart': { code: 'BAD_OPTION', says: /maxRestarts is 0.5/, start: f => noop(f).option('maxRestarts', 0.5).start() },
  'a master that is none': {
    code: 'BAD_OPTION',
    says: /local\[0\].*local\[N\]/,
    start: () => WalkwaySession.builder().master('local[0]').create(),
  },
  'a trigger by its name': { code: 'BAD_TRIGGER', says: /"1 second"/, start: trigger('1 second') },
  'no trigger': { code: 'BAD_TRIGGER', says: /null/, start: trigger(null) },
  'an empty trigger': { code: 'BAD_TRIGGER', says: /\{\}/, start: trigger({}) },
  'a misspelt trigger': { code: 'BAD_TRIGGER', says: /realtime/, start: trigger({ realtime: '1 second' }) },
  'a trigger that is not meant': { code: 'BAD_TRIGGER', says: /availableNow/, start: trigger({ availableNow: false }) },
  'two triggers': { code: 'BAD_TRIGGER', says: /once/, start: trigger({ once: true, realTime: '1 second' }) },
  'the trigger of a batch': { code: 'BAD_TRIGGER', says: /batch/, start: trigger({ kind: 'batch' }) },
  'an interval that is none': { code: 'BAD_DURATION', says: /"1 sec0nd"/, start: trigger({ realTime: '1 sec0nd' }) },
  'an interval that is no number': { code: 'BAD_DURATION', says: /NaN/, start: trigger({ processingTime: Number.NaN }) },
  'an interval below nothing': { code: 'BAD_TRIGGER_INTERVAL', says: /processingTime.*-5/, start: trigger({ processingTime: -5 }) },
  'a real time of no interval': { code: 'BAD_TRIGGER_INTERVAL', says: /realTime.*0/, start: () => Trigger.realTime(0) },
  'a real time of less than 10 ms': { code: 'BAD_TRIGGER_INTERVAL', says: /realTime.*9/, start: () => Trigger.realTime(9) },
  'a word that is no trigger': { code: 'BAD_TRIGGER', says: /"sometimes".*processingTime/, start: () => parseTrigger('sometimes') },
  'a foreach of nothing': {
    code: 'BAD_ARGUMENT',
    says: /foreach.*undefined.*process\(row\)/,
    start: f => f.writeStream.foreach(undefined as never),
  },
  'a foreach of an object that does nothing': {
    code: 'BAD_ARGUMENT',
    says: /process\(row\)/,
    start: f => f.writeStream.foreach({} as never),
  },
  'a batch’s foreach of nothing': { code: 'BAD_ARGUMENT', says: /foreach/, start: (_, s) => s.range(3).write.foreach(null as never) },
  'a foreachBatch of nothing': { code: 'BAD_ARGUMENT', says: /foreachBatch.*number/, start: f => f.writeStream.foreachBatch(7 as never) },
  'a negative delay': { code: 'NEGATIVE_DELAY', says: /-1000/, start: f => f.withWatermark('time', '-1 second') },
  'a watermark of a name': { code: 'WATERMARK_TYPE', says: /name.*string/i, start: f => noop(f.withWatermark('name', 0)).start() },
  'a table that nothing fills': { code: 'TABLE_NOT_FOUND', says: /totals/, start: (_, s) => s.table('totals') },
  'a schema that is none': { code: 'BAD_TYPE', says: /PRICE/, start: (_, s) => s.pushStream('name PRICE') },
}

const refusal = async (run: () => unknown): Promise<unknown> => {
  try {
    await run()
    return null
  } catch (error) {
    return error
  }
}

describe('inline', () => {
  test.each(Object.entries(mistakes))('%s', async (_what, { code, says, start }) => {
    await withSession('inline', async session => {
      const stream = session.memoryStream(SCHEMA)
      const error = await refusal(() => start(stream.toDF(), session))
      expect(error).toMatchObject({ code, message: expect.stringMatching(says) })
      expect(session.streams.active).toEqual([])
    })
  })
})

test.each(masters)('%s: a name is used by one query at a time, and is free when that has ended or was refused', async master => {
  await withSession(master, async session => {
    const frame = session.memoryStream('n INT').toDF()
    const start = () => noop(frame).queryName('totals').start()
    const first = start()
    await expect(start()).rejects.toMatchObject({ code: 'QUERY_NAME_IN_USE', message: expect.stringContaining('totals') })
    const query = await first
    await expect(start()).rejects.toMatchObject({ code: 'QUERY_NAME_IN_USE' })
    await query.stop()
    await expect(noop(frame.select('m')).queryName('totals').start()).rejects.toMatchObject({ code: 'UNRESOLVED_COLUMN' })
    await (await start()).stop()
  })
})

test.each(masters)('%s: a checkpoint is used by one query at a time, and is free when that has ended', async master => {
  await withSession(master, async session => {
    const frame = session.memoryStream('n INT').toDF()
    const start = () =>
      noop(frame)
        .option('checkpointLocation', join(folder, `cp-${master}`))
        .start()
    const query = await start()
    await expect(start()).rejects.toMatchObject({ code: 'CHECKPOINT_IN_USE' })
    expect(query.isActive).toBe(true)
    await query.stop()
    await (await start()).stop()
  })
})

test('a query that was refused can be mended and started', async () => {
  await withSession('inline', async session => {
    const stream = session.pushStream('n INT')
    const writer = stream.toDF().writeStream.queryName('mended')
    await expect(writer.start()).rejects.toMatchObject({ code: 'MISSING_SINK' })
    const rows: unknown[] = []
    const query = await writer.foreach(row => rows.push(row)).start()
    stream.push({ n: 1 })
    await query.processAllAvailable()
    expect(rows).toEqual([{ n: 1 }])
  })
})

test('every option that a session reads is known, so that none is refused', () => {
  const text = readFileSync(new URL('../../src/api/session.ts', import.meta.url), 'utf8')
  const read = [...text.matchAll(/Option\(options, '(\w+)'/g)].map(match => match[1])
  expect(read.length).toBeGreaterThan(4)
  expect(read.filter(name => !queryOptionNames.includes(name))).toEqual([])
})
