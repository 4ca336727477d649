import { EngineError } from '../base/errors.ts'
import { type DataType, type Field, type StructType, structType } from '../record/data-type.ts'

const simple: Readonly<Record<string, DataType['kind']>> = {
  boolean: 'boolean',
  byte: 'byte',
  tinyint: 'byte',
  short: 'short',
  smallint: 'short',
  int: 'integer',
  integer: 'integer',
  long: 'long',
  bigint: 'long',
  float: 'float',
  real: 'float',
  double: 'double',
  string: 'string',
  binary: 'binary',
  date: 'date',
  timestamp: 'timestamp',
  void: 'null',
}

/** A type from Spark's text: 'bigint', 'decimal(10,2)', 'struct<a:int,b:string>'. Throws BAD_TYPE. */
export const parseType = (text: string): DataType => {
  const parser = new TypeParser(text)
  const type = parser.type()
  parser.end()
  return type
}

/** A schema from Spark's DDL: 'id BIGINT NOT NULL, name STRING'. Throws BAD_TYPE. */
export const parseSchema = (text: string): StructType => {
  const parser = new TypeParser(text)
  const fields = parser.fields(false)
  parser.end()
  return structType(fields)
}

class TypeParser {
  readonly #text: string
  readonly #tokens: string[]
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.#tokens = text.match(/`[^`]*`|\w+|[^\s\w]/g) ?? []
  }

  end(): void {
    if (this.#at < this.#tokens.length) this.#fail(`unexpected ${this.#tokens[this.#at]}`)
  }

  /** `name type [NOT NULL], …`; inside struct<…> the name may be followed by a colon. */
  fields(nested: boolean): Field[] {
    const fields: Field[] = []
    do {
      const name = this.#take().replace(/^`|`$/g, '')
      if (nested || this.#peek() === ':') this.#skip(':')
      const type = this.type()
      let nullable = true
      if (this.#peek()?.toLowerCase() === 'not') {
        this.#take()
        if (this.#take().toLowerCase() !== 'null') this.#fail('expected NULL after NOT')
        nullable = false
      }
      fields.push({ name, type, nullable })
    } while (this.#skip(','))
    return fields
  }

  type(): DataType {
    const name = this.#take().toLowerCase()
    switch (name) {
      case 'decimal':
      case 'numeric':
      case 'dec':
        return this.#decimal()
      case 'array': {
        this.#expect('<')
        const element = this.type()
        this.#expect('>')
        return { kind: 'array', element, containsNull: true }
      }
      case 'map': {
        this.#expect('<')
        const key = this.type()
        this.#expect(',')
        const value = this.type()
        this.#expect('>')
        return { kind: 'map', key, value, valueContainsNull: true }
      }
      case 'struct': {
        this.#expect('<')
        const fields = this.fields(true)
        this.#expect('>')
        return structType(fields)
      }
      default: {
        const kind = simple[name]
        if (kind === undefined) return this.#fail(`there is no type ${name}`)
        return { kind } as DataType
      }
    }
  }

  #decimal(): DataType {
    if (!this.#skip('(')) return { kind: 'decimal', precision: 10, scale: 0 }
    const precision = Number(this.#take())
    const scale = this.#skip(',') ? Number(this.#take()) : 0
    this.#expect(')')
    if (!(precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision)) this.#fail(`decimal(${precision},${scale})`)
    return { kind: 'decimal', precision, scale }
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at]
  }

  #take(): string {
    const token = this.#tokens[this.#at++]
    return token ?? this.#fail('it ends too early')
  }

  #skip(token: string): boolean {
    if (this.#peek() !== token) return false
    this.#at++
    return true
  }

  #expect(token: string): void {
    if (!this.#skip(token)) this.#fail(`expected ${token}`)
  }

  #fail(reason: string): never {
    throw new EngineError('BAD_TYPE', { text: this.#text, reason })
  }
}
