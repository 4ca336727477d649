import type { RowLog } from '../connector/memory-source.ts'
import type { DataFrame, Row } from './data-frame.ts'

/** A stream whose rows a test adds: `session.memoryStream(schema)`. They are kept, so a query can read them again. */
export class MemoryStream {
  readonly #log: RowLog
  readonly #frame: DataFrame

  /** Made by the session. */
  constructor(log: RowLog, frame: DataFrame) {
    this.#log = log
    this.#frame = frame
  }

  /** Row objects, one by one or as a list. A query checks them when it reads them. Does not block. */
  addData(...rows: readonly Row[] | readonly [readonly Row[]]): void {
    this.#log.append(rows.flat() as Row[])
  }

  toDF(): DataFrame {
    return this.#frame
  }
}
