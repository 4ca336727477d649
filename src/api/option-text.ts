/** What an option may be given as; it is kept as text, as Spark keeps it. */
export type OptionValue = string | number | boolean

export const textOptions = (options: Readonly<Record<string, OptionValue>>): Record<string, string> =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)]))
