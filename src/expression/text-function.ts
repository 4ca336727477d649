let made = 0

/**
 * A function of text. Each text is made like no other: V8 gives one that it meets for the third time the feedback of the second, takes
 * nothing around its functions for constant any more, and runs them at half the speed; a restart, or the same query again, would see it.
 * Throws EvalError where code generation is forbidden.
 */
export const textFunction = (parameters: readonly string[], body: string): ((...values: never[]) => unknown) =>
  new Function(...parameters, `/* ${made++} */ ${body}`) as (...values: never[]) => unknown
