/** `full` measures; `small` only finds out, in about a second, whether the answer is right. */
export type Size = 'small' | 'full'

/** What one round found. `wrong` says in a sentence what is wrong with the answer; null: it is right. */
export interface Outcome {
  readonly wrong: string | null
  /** Why nothing was measured, in a few words. */
  readonly skipped?: string
  /** Figures by name; the unit and what kind of figure it is stand last: `roundTripP50Micros`, `smallRecordsPerSecond`. */
  readonly figures: Figures
}

export type Figures = Readonly<Record<string, number>>

/** What a figure should be: at most, or at least. Missing a mark is shown and is no failure; a wrong answer is. */
export type Mark = { readonly atMost: number } | { readonly atLeast: number }

/** One benchmark: a module exports it, and `list.ts` names it. */
export interface Benchmark {
  readonly name: string
  /** What a reader wants to know, as a question. */
  readonly question: string
  /** How often it is measured; the median is reported. */
  readonly rounds?: number
  /** Rounds before, which are not counted. */
  readonly warmups?: number
  /** Runs the whole process on one core, where `taskset` is there. */
  readonly oneCore?: boolean
  /** Node's own options, such as `--expose-gc`. */
  readonly nodeOptions?: readonly string[]
  readonly marks?: Readonly<Record<string, Mark>>
  /** One round, in a process of this benchmark's own. */
  run(size: Size): Promise<Outcome>
}
