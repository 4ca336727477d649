import type { QueryProgress, StreamingQuery, WalkwaySession } from 'walkway'

const REFRESH_MILLIS_TERMINAL = 250
const REFRESH_MILLIS_PIPE = 1000

const millis = (value: number): string => (value < 10 ? `${value.toFixed(3)} ms` : `${Math.round(value)} ms`)

/** One line that tells how the query is doing: refreshed in place on a terminal, printed once a second elsewhere. */
export class StatusLine implements Disposable {
  readonly #mode: string
  readonly #startMillis = performance.now()
  readonly #isTerminal = process.stdout.isTTY === true
  readonly #timer: NodeJS.Timeout
  #query: StreamingQuery | null = null
  #progress: QueryProgress | null = null
  /** Of all rows so far; a progress holds those of its epoch. */
  #latencies: QueryProgress['latencies'] | null = null
  #rows = 0
  #epochs = 0

  constructor(session: WalkwaySession, mode: string) {
    this.#mode = mode
    session.streams.addListener({
      onQueryProgress: ({ progress }) => {
        this.#progress = progress
        this.#latencies = this.#query?.latencies ?? (this.#query === null ? progress.latencies : this.#latencies)
        this.#rows += progress.numInputRows
        this.#epochs++
      },
    })
    this.#timer = setInterval(() => this.#refresh(), this.#isTerminal ? REFRESH_MILLIS_TERMINAL : REFRESH_MILLIS_PIPE)
  }

  follow(query: StreamingQuery): void {
    this.#query = query
  }

  /** A line of its own, above the status. */
  print(text: string): void {
    console.log(this.#isTerminal ? `\r\x1b[K${text}` : text)
    if (this.#isTerminal) this.#refresh()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    if (this.#isTerminal) process.stdout.write('\r\x1b[K')
  }

  /** Ends the status line and prints what there was. */
  summarize(alerts: number): void {
    this[Symbol.dispose]()
    const seconds = (performance.now() - this.#startMillis) / 1000
    const rate = Math.round(this.#rows / seconds)
    console.log(
      `mode ${this.#mode}: ${this.#rows} payments in ${seconds.toFixed(1)} s (${rate}/s), ${alerts} alerts, ${this.#epochs} epochs`,
    )
    const latency = this.#latencies?.e2eLatencyMs
    if (latency === undefined || latency.count === 0) return
    const { p50, p90, p99, p999, max } = latency
    console.log(
      `latency from arrival to verdict: p50 ${millis(p50)}, p90 ${millis(p90)}, p99 ${millis(p99)}, p99.9 ${millis(p999)}, max ${millis(max)}`,
    )
  }

  #refresh(): void {
    const progress = this.#progress
    // 1970 in the first epoch: no payment had been seen yet.
    const watermark = progress?.eventTime.watermark
    this.#latencies = this.#query?.latencies ?? this.#latencies
    const latency = this.#latencies?.e2eLatencyMs
    const text = [
      this.#mode,
      `${Math.round(progress?.inputRowsPerSecond ?? 0)}/s`,
      latency === undefined ? 'starting' : `p50 ${millis(latency.p50)}  p99 ${millis(latency.p99)}  p99.9 ${millis(latency.p999)}`,
      `epoch ${progress?.batchId ?? '-'}`,
      `watermark ${watermark === undefined || watermark.startsWith('1970') ? '-' : watermark.slice(11, 23)}`,
    ].join(' | ')
    if (this.#isTerminal) process.stdout.write(`\r\x1b[K${text.slice(0, process.stdout.columns - 1)}`)
    else console.log(text)
  }
}
