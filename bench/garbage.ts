import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Benchmark, Figures } from './kit/benchmark.ts'

/** generator → filter → key → windows of a second, on two workers; V8 itself says when it collects. */
export const garbage: Benchmark = {
  name: 'garbage',
  question: 'How many garbage collections do ten million events cost, all threads of the process together?',
  rounds: 1,
  warmups: 0,
  marks: { youngCollectionsPer10M: { atMost: 1 } },
  run: async size => {
    const [warmup, measured] = size === 'full' ? [30e6, 100e6] : [100_000, 1_000_000]
    const lines = await traced(warmup, measured)
    if (typeof lines === 'string') return { wrong: lines, figures: {} }
    const begin = lines.indexOf('MEASURE begins')
    const end = lines.findIndex(line => line.startsWith('MEASURE ends'))
    const rows = lines.find(line => line.startsWith('MEASURE rows'))
    if (begin < 0 || end < begin || rows === undefined) return { wrong: `the process said only: ${lines.at(-1)}`, figures: {} }
    const [events, seconds] = lines[end].split(' ').slice(2).map(Number)
    const [rowsIn, rowsOut] = rows.split(' ').slice(2).map(Number)
    const figures = { ...countCollections(lines.slice(begin, end), events), eventsPerSecond: events / seconds }
    // A key and a window each second of event time, which a million events make; the last ones are still open.
    const least = (Math.floor(rowsIn / 1e6) - 1) * 990
    const most = (Math.ceil(rowsIn / 1e6) + 1) * 1000
    return { wrong: rowsOut >= least && rowsOut <= most ? null : `${rowsOut} windows of ${rowsIn} events`, figures }
  },
}

/** The lines that the process wrote; a string says why it failed. */
const traced = (warmup: number, measured: number): Promise<string[] | string> =>
  new Promise(resolve => {
    const script = fileURLToPath(new URL('./engine/garbage-run.js', import.meta.url))
    const child = spawn(process.execPath, ['--trace-gc', script, String(warmup), String(measured)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', chunk => {
      text += chunk
    })
    child.on('error', error => resolve(error.message))
    child.on('close', code => resolve(code === 0 ? text.split('\n') : `it ended with code ${code}`))
  })

/** `[pid:isolate] ms: Scavenge …`: each thread has an isolate. The one with the most is a figure of its own. */
const countCollections = (lines: readonly string[], events: number): Figures => {
  const byThread = new Map<string, number>()
  let [young, old] = [0, 0]
  for (const line of lines) {
    const [, thread, kind] = /^\[\d+:(\w+)\].*\d ms: (Scavenge|Mark-Compact)/.exec(line) ?? []
    if (kind === undefined) continue
    if (kind === 'Scavenge') {
      young++
      byThread.set(thread, (byThread.get(thread) ?? 0) + 1)
    } else {
      old++
    }
  }
  const per10M = (count: number): number => (count * 1e7) / events
  return {
    youngCollectionsPer10M: per10M(young),
    youngCollectionsOfBusiestThreadPer10M: per10M(Math.max(0, ...byThread.values())),
    oldCollectionsPer10M: per10M(old),
  }
}
