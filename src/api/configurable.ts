/** What an option may be given as; it is kept as text, as Spark keeps it. */
export type OptionValue = string | number | boolean

export const textOptions = (options: Readonly<Record<string, OptionValue>>): Record<string, string> =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)]))

/** What readers and writers have in common: a format and its options. */
export abstract class Configurable {
  protected formatName: string
  protected readonly settings: Record<string, string> = {}

  constructor(formatName: string) {
    this.formatName = formatName
  }

  /** Reading: kafka, json, text, rate. Writing: kafka, json, console, memory, noop. Or a registered one. */
  format(name: string): this {
    this.formatName = name
    return this
  }

  /** Names do not mind case. */
  option(name: string, value: OptionValue): this {
    return this.options({ [name]: value })
  }

  options(options: Readonly<Record<string, OptionValue>>): this {
    Object.assign(this.settings, textOptions(options))
    return this
  }

  protected settingsWith(path: string | undefined): Record<string, string> {
    return path === undefined ? { ...this.settings } : { ...this.settings, path }
  }
}
