import type { Expression } from '../expression/expression.ts'
import { listOf, type NonEmptyListOf } from './arguments.ts'
import { type Column, namedExpression } from './column.ts'
import type { DataFrame } from './data-frame.ts'
import { avg, count, max, min, sum } from './functions.ts'

type Build = (keys: readonly Expression[], aggregates: readonly Expression[]) => DataFrame

/** Rows grouped by keys, waiting for what to compute of each group. */
export class GroupedData {
  readonly #keys: readonly Expression[]
  readonly #build: Build

  /** Made by `DataFrame.groupBy`. */
  constructor(keys: readonly Expression[], build: Build) {
    this.#keys = keys
    this.#build = build
  }

  /** One row a group: its keys, then the aggregates. An expression may stand around them: `sum('a').divide(count('*'))`. */
  agg(...aggregates: NonEmptyListOf<Column>): DataFrame {
    return this.#build(this.#keys, listOf<Column>(aggregates).map(namedExpression))
  }

  /** Rows per group, as the column `count`. */
  count(): DataFrame {
    return this.agg(count('*').alias('count'))
  }

  /** A sum of each column, named `sum(a)`; so are those below. */
  sum(...columns: readonly [string, ...string[]]): DataFrame {
    return this.#each(columns, sum)
  }

  avg(...columns: readonly [string, ...string[]]): DataFrame {
    return this.#each(columns, avg)
  }

  min(...columns: readonly [string, ...string[]]): DataFrame {
    return this.#each(columns, min)
  }

  max(...columns: readonly [string, ...string[]]): DataFrame {
    return this.#each(columns, max)
  }

  #each(columns: readonly [string, ...string[]], of: (name: string) => Column): DataFrame {
    const [first, ...rest] = columns
    return this.agg(of(first), ...rest.map(of))
  }
}
