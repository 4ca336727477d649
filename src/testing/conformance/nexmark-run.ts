import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DataFrame, Trigger, WalkwaySession } from '../../index.ts'
import { compareRows } from './compare.ts'
import type { Mode, Value } from './format.ts'
import { type NexmarkQuery, nexmarkKeys, nexmarkMissing, nexmarkQueries, nexmarkTables } from './nexmark.ts'
import { schemaText } from './plan.ts'
import type { Outcome } from './run-case.ts'
import { Recorder } from './sink.ts'

type Table = keyof typeof nexmarkTables
type Report = (label: string, outcome: Outcome) => void

interface QueryFacts {
  readonly columns: readonly (readonly [string, string])[]
}

/** Runs the NEXMark queries over the given input, in both modes, and compares the final table with the expected one. */
export const runNexmark = async (folder: string, master: string, only: string | undefined, report: Report): Promise<void> => {
  const { queries } = JSON.parse(readFileSync(join(folder, 'queries.json'), 'utf8')) as { queries: Record<string, QueryFacts> }
  for (const name of Object.keys(queries)) {
    if (only !== undefined && !`nexmark/${name}`.includes(only)) continue
    for (const mode of ['micro-batch', 'real-time'] as const) {
      const label = `nexmark/${name} (${mode})`
      const query = nexmarkQueries[name]
      if (query === undefined || !existsSync(join(folder, `${name}.expected.jsonl`))) {
        report(label, { kind: 'skipped', why: nexmarkMissing[name] ?? `query ${name}` })
        continue
      }
      try {
        const got = await run(query, folder, mode, master)
        const expected = lines(join(folder, `${name}.expected.jsonl`)) as unknown as Value[][]
        const difference = compareRows(expected, latest(got, nexmarkKeys[name]))
        report(label, difference === null ? { kind: 'passed' } : { kind: 'failed', why: difference })
      } catch (error) {
        report(label, { kind: 'failed', why: String(error) })
      }
    }
  }
}

const lines = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Record<string, unknown>)

const run = async (query: NexmarkQuery, folder: string, mode: Mode, master: string): Promise<readonly (readonly unknown[])[]> => {
  const session = WalkwaySession.builder().master(master).create()
  const checkpoint = mkdtempSync(join(tmpdir(), 'walkway-nexmark-'))
  try {
    const rows = (name: Table) => lines(join(folder, `${name}.jsonl`))
    const fill: (() => void)[] = []
    const stream = (name: Table): DataFrame => {
      const made = session.memoryStream(schemaText(nexmarkTables[name]))
      fill.push(() => made.addData(rows(name)))
      return made.toDF()
    }
    const table = (name: Table): DataFrame => session.createDataFrame(rows(name), schemaText(nexmarkTables[name]))
    const recorder = new Recorder(query.outputMode === 'complete')
    const running = await query
      .build({ stream, table })
      .writeStream.foreach({
        open: epoch => recorder.open(epoch),
        process: row => recorder.process(row),
        close: error => recorder.close(error),
      })
      .outputMode(query.outputMode)
      .trigger(mode === 'real-time' ? Trigger.realTime('100 milliseconds') : Trigger.processingTime('0 seconds'))
      .option('checkpointLocation', checkpoint)
      .start()
    for (const add of fill) add()
    await running.processAllAvailable()
    await running.stop()
    return recorder.all()
  } finally {
    await session.stop()
    rmSync(checkpoint, { recursive: true, force: true })
  }
}

/** The last row of each group: what a reader of updates is left with. */
const latest = (rows: readonly (readonly unknown[])[], keyColumns: number | undefined): readonly (readonly unknown[])[] =>
  keyColumns === undefined ? rows : [...new Map(rows.map(row => [JSON.stringify(row.slice(0, keyColumns)), row])).values()]
