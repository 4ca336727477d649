import { rowLog } from '../connector/memory-source.ts'
import type { DataFrame, Row } from './data-frame.ts'

/** A stream whose rows a test adds: `session.memoryStream(schema)`. They are kept, so a query can read them again. */
export class MemoryStream {
  readonly #id: string
  readonly #frame: DataFrame

  constructor(id: string, frame: DataFrame) {
    this.#id = id
    this.#frame = frame
  }

  /** Row objects, or the values of the only column. */
  addData(...rows: readonly Row[] | readonly [readonly Row[]]): void {
    rowLog(this.#id).append(rows.flat() as Row[])
  }

  toDF(): DataFrame {
    return this.#frame
  }
}
