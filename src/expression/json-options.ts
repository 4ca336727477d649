import { EngineError } from '../base/errors.ts'

/**
 * The options of from_json and to_json. One that is not known, or not yet followed, is refused: left aside in silence it would change
 * answers.
 */

export interface FromJsonOptions {
  readonly failsFast: boolean
  readonly corruptColumn: string
  readonly allowsApostrophes: boolean
}

const byLowerCase = (options: Readonly<Record<string, string>>, known: readonly string[]): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (const [name, value] of Object.entries(options)) {
    const match = known.find(one => one.toLowerCase() === name.toLowerCase())
    if (match === undefined) throw new EngineError('BAD_OPTION', { option: name, value, expected: `only ${known.join(', ')} here` })
    found.set(match, value)
  }
  return found
}

const flag = (options: ReadonlyMap<string, string>, name: string, otherwise: boolean): boolean => {
  const value = options.get(name)?.toLowerCase()
  if (value === undefined) return otherwise
  if (value !== 'true' && value !== 'false') throw new EngineError('BAD_OPTION', { option: name, value, expected: 'true or false' })
  return value === 'true'
}

export const readFromJsonOptions = (given: Readonly<Record<string, string>>): FromJsonOptions => {
  const options = byLowerCase(given, ['mode', 'columnNameOfCorruptRecord', 'allowSingleQuotes'])
  const mode = (options.get('mode') ?? 'PERMISSIVE').toUpperCase()
  // DROPMALFORMED is for readers: an expression has no row to drop. Spark refuses it too.
  if (mode !== 'PERMISSIVE' && mode !== 'FAILFAST')
    throw new EngineError('BAD_OPTION', { option: 'mode', value: mode, expected: 'PERMISSIVE or FAILFAST' })
  return {
    failsFast: mode === 'FAILFAST',
    corruptColumn: options.get('columnNameOfCorruptRecord') ?? '_corrupt_record',
    allowsApostrophes: flag(options, 'allowSingleQuotes', true),
  }
}

/** True if null fields are written. */
export const readToJsonOptions = (given: Readonly<Record<string, string>>): { readonly keepsNulls: boolean } => ({
  keepsNulls: !flag(byLowerCase(given, ['ignoreNullFields']), 'ignoreNullFields', true),
})
