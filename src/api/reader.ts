import { sourceConnector } from '../connector/registry.ts'
import { parseSchema } from '../expression/parse-type.ts'
import type { SourceNode } from '../plan/logical-plan.ts'
import type { StructType } from '../record/data-type.ts'
import { Configurable } from './configurable.ts'
import { DataFrame } from './data-frame.ts'
import type { SessionCore } from './session-core.ts'

/** What `read` and `readStream` have in common: format, schema and options, then `load`. */
class Reader extends Configurable {
  readonly #session: SessionCore
  readonly #streaming: boolean
  #schema: StructType | null = null

  constructor(session: SessionCore, streaming: boolean) {
    super('json')
    this.#session = session
    this.#streaming = streaming
  }

  /** Spark's DDL: 'id BIGINT NOT NULL, name STRING'. Throws BAD_TYPE. */
  schema(schema: string | StructType): this {
    this.#schema = typeof schema === 'string' ? parseSchema(schema) : schema
    return this
  }

  /** The table or stream. Nothing is opened yet. Throws UNKNOWN_FORMAT, MISSING_SCHEMA. */
  load(path?: string): DataFrame {
    const options = this.settingsWith(path)
    const node: SourceNode = {
      kind: 'source',
      // Given when a query starts: a source's name in the checkpoint is its place in the plan.
      id: '',
      format: this.formatName,
      options,
      schema: sourceConnector(this.formatName).schema(options, this.#schema),
      streaming: this.#streaming,
    }
    return new DataFrame(node, this.#session)
  }

  json(path: string): DataFrame {
    return this.format('json').load(path)
  }

  text(path: string): DataFrame {
    return this.format('text').load(path)
  }
}

/** Reads what is there, once: `session.read`. */
export class DataFrameReader extends Reader {
  constructor(session: SessionCore) {
    super(session, false)
  }
}

/** Reads what keeps coming: `session.readStream`. */
export class DataStreamReader extends Reader {
  constructor(session: SessionCore) {
    super(session, true)
  }
}
