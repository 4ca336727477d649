import { durationMillis } from '../base/duration.ts'
import { EngineError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { StructType } from '../record/data-type.ts'
import type { ConnectorOptions } from './connector.ts'
import type { HeldObjects } from './held-objects.ts'

/** Looks an option up; names do not mind case, as in Spark. */
export const optionOf = (options: ConnectorOptions, name: string): string | undefined => {
  const lower = name.toLowerCase()
  for (const [key, value] of Object.entries(options)) if (key.toLowerCase() === lower) return value
  return undefined
}

export const requiredOption = (options: ConnectorOptions, name: string, format: string): string => {
  const value = optionOf(options, name)
  if (value === undefined) throw new EngineError('MISSING_OPTION', { option: name, format })
  return value
}

/** Throws UNKNOWN_OPTION for a name that is not among those known, with the ones nearest to it. */
export const checkOptionNames = (where: string, names: readonly string[], known: readonly string[]): void => {
  const isKnown = (name: string): boolean =>
    known.some(other => {
      const pattern = other.toLowerCase()
      return pattern.endsWith('*') ? name.toLowerCase().startsWith(pattern.slice(0, -1)) : name.toLowerCase() === pattern
    })
  for (const option of names) {
    if (isKnown(option)) continue
    throw new EngineError('UNKNOWN_OPTION', { where, option, candidates: nearest(option, known).join(', ') })
  }
}

/** The object of this process that the option `id` names. Throws UNSUPPORTED_OPERATION: such a format is reached by a method alone. */
export const heldOption = <T extends object>(held: HeldObjects<T>, options: ConnectorOptions, format: string, method: string): T => {
  const found = held.get(optionOf(options, 'id') ?? '')
  if (found === null) throw new EngineError('UNSUPPORTED_OPERATION', { operation: `format ${format} by its name: use ${method}` })
  return found
}

/** A number of at least `least`. Throws BAD_OPTION. */
export const numberOption = (options: ConnectorOptions, name: string, otherwise: number, least = 0): number => {
  const text = optionOf(options, name)
  if (text === undefined) return otherwise
  const value = Number(text)
  if (!Number.isFinite(value) || value < least)
    throw new EngineError('BAD_OPTION', { option: name, value: text, expected: `a number of at least ${least}` })
  return value
}

/** A whole number of at least `least`. Throws BAD_OPTION. */
export const integerOption = (options: ConnectorOptions, name: string, otherwise: number, least = 0): number => {
  const value = numberOption(options, name, otherwise, least)
  if (Number.isInteger(value) || value === otherwise) return value
  throw new EngineError('BAD_OPTION', { option: name, value, expected: `a whole number of at least ${least}` })
}

/** Millis of a duration that is not negative; a number without a unit is millis. Throws BAD_OPTION. */
export const durationOption = (options: ConnectorOptions, name: string, otherwise: number): number => {
  const text = optionOf(options, name)
  if (text === undefined) return otherwise
  let millis = Number.NaN
  try {
    millis = durationMillis(/^\d+$/.test(text) ? Number(text) : text)
  } catch {}
  if (millis >= 0) return millis
  throw new EngineError('BAD_OPTION', { option: name, value: text, expected: 'a duration, as 7 days' })
}

/** One of some words, given back as they are written in `choices`. Throws BAD_OPTION. */
export const choiceOption = <T extends string>(options: ConnectorOptions, name: string, otherwise: T, choices: readonly T[]): T => {
  const text = optionOf(options, name)
  if (text === undefined) return otherwise
  const found = choices.find(choice => choice.toLowerCase() === text.toLowerCase())
  if (found === undefined) throw new EngineError('BAD_OPTION', { option: name, value: text, expected: choices.join(' or ') })
  return found
}

export const booleanOption = (options: ConnectorOptions, name: string, otherwise: boolean): boolean =>
  choiceOption(options, name, otherwise ? 'true' : 'false', ['true', 'false']) === 'true'

/** The schema of a format that has none of its own. Throws MISSING_SCHEMA. */
export const givenSchema = (format: string, given: StructType | null): StructType => {
  if (given === null) throw new EngineError('MISSING_SCHEMA', { format })
  return given
}
