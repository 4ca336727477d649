import type { Row } from 'walkway'

const money = (cents: number): string => (cents / 100).toFixed(2)

/**
 * Reports a card when it first does something unusual in a category. Every later payment and every overlapping window would say it again.
 */
export class Alerts {
  readonly #seen = new Set<string>()
  readonly #print: (text: string) => void

  constructor(print: (text: string) => void) {
    this.#print = print
  }

  get count(): number {
    return this.#seen.size
  }

  judge(row: Row): void {
    if (row.isAlert !== true) return
    const key = `${row.card} ${row.category}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    const { start } = row.window as { start: Date }
    const spent = `${row.payments} payments, ${money(Number(row.cents))} in 20 s`
    const usual = `usual: ${row.maxCount}, ${money(Number(row.maxCents))}`
    this.#print(`ALERT  card ${row.card}  ${row.category}: ${spent} from ${start.toISOString().slice(11, 19)} (${usual})`)
  }
}
