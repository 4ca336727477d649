/** The case format of the conformance corpus, as its README describes it. Times are millis since 1970. */
export type Mode = 'micro-batch' | 'real-time'

export type Value = null | boolean | number | string | readonly Value[]
export type Row = readonly Value[]

/** A string is a column, a list is a call, the rest are literals. */
export type Expr = null | boolean | number | string | readonly [string, ...Expr[]]

export type Columns = readonly (readonly [string, string])[]

export interface Agg {
  readonly agg: string
  readonly expr?: Expr
  readonly where?: Expr
}

/** A node of a plan: `op` and the fields that the op has. */
export interface Plan {
  readonly op: string
  readonly input?: Plan
  readonly inputs?: readonly Plan[]
  readonly left?: Plan
  readonly right?: Plan
  readonly name?: string
  readonly columns?: unknown
  readonly rows?: readonly Row[]
  readonly where?: Expr
  readonly column?: string
  readonly delayMs?: number
  readonly keys?: readonly (readonly [string, Expr])[]
  readonly aggs?: readonly (readonly [string, Agg])[]
  readonly type?: string
  readonly on?: Expr
  readonly using?: readonly string[]
  readonly by?: readonly (readonly [Expr, 'asc' | 'desc'])[]
  readonly n?: number
  /** Of failWhile. */
  readonly flag?: string
}

export interface SourceSpec {
  readonly columns: Columns
  readonly kind?: string
  readonly continues?: string
  readonly realTime?: boolean
  /** Files: text or json, a glob below the source's folder, and the options of the reader. */
  readonly format?: string
  readonly path?: string
  readonly maxFilesPerTrigger?: number
  readonly latestFirst?: boolean
  readonly maxFileAgeMs?: number
}

export interface FileSpec {
  readonly source: string
  readonly name: string
  readonly dir?: string
  readonly content: string
  readonly ageStepMs?: number
}

export interface RewindSpec {
  readonly lastCommitLost?: boolean
  readonly clearSink?: boolean
  readonly advanceClockMs?: number
}

export interface TriggerSpec {
  readonly processingTimeMs?: number
  readonly once?: boolean
  readonly availableNow?: boolean
  readonly realTimeMs?: number
}

export interface StartSpec {
  readonly query?: string
  readonly trigger?: TriggerSpec
  readonly clock?: 'manual'
  readonly noDataBatches?: boolean
  readonly engine?: Readonly<Record<string, unknown>>
  readonly freshCheckpoint?: boolean
}

export interface AddSpec {
  readonly source: string
  readonly rows?: readonly Row[]
  readonly rowsFrom?: string
  readonly rowByRow?: boolean
}

/** One step: its first key is its kind, its value the argument; `expectLast` may carry `sorted`. */
export type Step = Readonly<Record<string, unknown>>

export interface Case {
  readonly name: string
  readonly mode: Mode | 'any'
  readonly outputMode: 'append' | 'update' | 'complete'
  readonly requires?: readonly string[]
  readonly engine?: Readonly<Record<string, unknown>>
  readonly sources: Readonly<Record<string, SourceSpec>>
  readonly query: Plan
  readonly queries?: Readonly<Record<string, Plan>>
  readonly steps: readonly Step[]
  readonly notes?: string
  /** Refused by Spark for reasons of its engine: to refuse or to run it are both right. */
  readonly sparkRestriction?: boolean
  /** Fixes when Spark's real-time mode fires inside a long batch: only the rows at the end count. */
  readonly sparkCadence?: boolean
}

/** The modes in which a case holds. */
export const modesOf = (of: Case): readonly Mode[] => (of.mode === 'any' ? ['micro-batch', 'real-time'] : [of.mode])

/** A plan node and everything below it. */
export function* nodesOf(plan: Plan): Generator<Plan> {
  yield plan
  for (const child of [plan.input, plan.left, plan.right, ...(plan.inputs ?? [])]) if (child !== undefined) yield* nodesOf(child)
}
