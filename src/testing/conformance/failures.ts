import { type Column, udf } from '../../index.ts'

/**
 * Failures on command, for failOnce and failWhile: user functions that throw. What they go by lies in shared memory, so that it is the same
 * on every thread and outlives a restart.
 */
export class Failures {
  readonly #flags = new Map<string, Int32Array>()
  readonly #happened = new Map<string, Int32Array>()

  set(flag: string, isSet: boolean): void {
    this.#flag(flag)[0] = isSet ? 1 : 0
  }

  /** True for every row, but fails at the first for which the condition holds. The plan may be built again. */
  once(condition: Column): Column {
    const happened = wordOf(this.#happened, 'once')
    const failOnce = udf(
      (isMet: boolean | null) => {
        if (isMet !== true || happened[0] !== 0) return true
        happened[0] = 1
        throw new Error('as the case asks')
      },
      'boolean',
      { name: 'failOnce', bindings: { happened } },
    )
    return failOnce(condition)
  }

  /** True for every row, but fails at each for which the condition holds while the flag is set. */
  whileSet(flag: string, condition: Column): Column {
    const isSet = this.#flag(flag)
    const failWhile = udf(
      (isMet: boolean | null) => {
        if (isMet === true && isSet[0] !== 0) throw new Error('as the case asks')
        return true
      },
      'boolean',
      { name: 'failWhile', bindings: { isSet } },
    )
    return failWhile(condition)
  }

  #flag(name: string): Int32Array {
    return wordOf(this.#flags, name)
  }
}

const wordOf = (words: Map<string, Int32Array>, name: string): Int32Array => {
  const word = words.get(name) ?? new Int32Array(new SharedArrayBuffer(4))
  words.set(name, word)
  return word
}
