/**
 * Runs code that was written for shared memory with every access to that memory under control. While a program runs, the names `Atomics`,
 * `Int32Array`, `Float64Array` and `Uint8Array` mean ours; views over the model's buffer are ours too, all others are the language's own.
 * So it is the very code of the package that runs, not a copy of it.
 *
 * A program cannot be stopped in the middle and continued later, but it can be run again: given the results of its first n accesses it does
 * the same, and at access n + 1 it is thrown out.
 */

/** An access to a word (four bytes) of the shared memory; a double is two of them. */
export type Access =
  | { readonly kind: 'read' | 'load' | 'notify'; readonly word: number }
  | { readonly kind: 'write' | 'store' | 'wait'; readonly word: number; readonly value: number }
  /** No access: here the thread's own state is all in the key, so what came before does not matter. */
  | { readonly kind: 'mark'; readonly key: string }
  /** No access, but a loop that would only look again: goes on once one of the words has another value than it was seen to have. */
  | { readonly kind: 'await'; readonly seen: readonly (readonly [word: number, value: number])[] }

export interface ThreadMemory {
  readonly buffer: SharedArrayBuffer
  /** Says that the thread's own state is no more than these: numbers, and objects, for all their fields that are numbers or bytes. */
  mark(...state: readonly (number | object)[]): void
  /** Waits until one of the words differs from what this thread loaded last, in place of a loop that spins. */
  awaitChange(...words: number[]): void
}

export type Program = (memory: ThreadMemory) => void

/** What the program does after accesses with these results: its next access, null at its end, the error that it threw. */
export const nextAccess = (program: Program, buffer: SharedArrayBuffer, results: readonly number[]): Access | null | Error => {
  const replay = new Replay(buffer, results)
  Object.assign(globalThis, replay.globals())
  try {
    program(replay)
    return null
  } catch (error) {
    if (error === STOP) return replay.next
    return error instanceof Error ? error : new Error(String(error))
  } finally {
    Object.assign(globalThis, REAL)
  }
}

const STOP = Symbol('stop')

const WAIT_ANSWERS = ['ok', 'not-equal', 'timed-out']

const { Atomics: RealAtomics, Int32Array: RealInt32Array, Float64Array: RealFloat64Array, Uint8Array: RealUint8Array } = globalThis
const REAL = { Atomics: RealAtomics, Int32Array: RealInt32Array, Float64Array: RealFloat64Array, Uint8Array: RealUint8Array }

const double = new RealFloat64Array(1)
const halves = new RealInt32Array(double.buffer)

class Replay implements ThreadMemory {
  next: Access | null = null
  readonly buffer: SharedArrayBuffer
  readonly #results: readonly number[]
  #done = 0
  readonly #loaded = new Map<number, number>()
  readonly #i32: object
  readonly #f64: object
  readonly #u8: object

  constructor(buffer: SharedArrayBuffer, results: readonly number[]) {
    this.buffer = buffer
    this.#results = results
    this.#i32 = indexed(
      word => this.#access({ kind: 'read', word }),
      (word, value) => this.#access({ kind: 'write', word, value: value | 0 }),
      {
        fill: (value: number, from: number, to: number) => {
          for (let word = from; word < to; word++) this.#access({ kind: 'write', word, value: value | 0 })
        },
      },
    )
    this.#f64 = indexed(
      i => {
        const [low, high] = [this.#access({ kind: 'read', word: 2 * i }), this.#access({ kind: 'read', word: 2 * i + 1 })]
        halves[0] = low
        halves[1] = high
        return double[0]
      },
      (i, value) => {
        double[0] = value
        const [low, high] = halves
        this.#access({ kind: 'write', word: 2 * i, value: low })
        this.#access({ kind: 'write', word: 2 * i + 1, value: high })
      },
      {},
    )
    // Bytes are moved in whole words: programs use lengths that are multiples of four.
    this.#u8 = {
      set: (source: Uint8Array, at: number) => {
        const words = new RealInt32Array(source.slice().buffer)
        for (let i = 0; i < words.length; i++) this.#access({ kind: 'write', word: (at >> 2) + i, value: words[i] })
      },
      subarray: (from: number, to: number) => {
        const words = new RealInt32Array((to - from) >> 2)
        for (let i = 0; i < words.length; i++) words[i] = this.#access({ kind: 'read', word: (from >> 2) + i })
        return new RealUint8Array(words.buffer)
      },
    }
  }

  mark(...state: readonly (number | object)[]): void {
    const describe = (value: unknown): string => (typeof value !== 'object' || value instanceof RealUint8Array ? String(value) : '')
    const key = state.map(part => (typeof part === 'object' ? Object.values(part).map(describe).join(';') : part)).join(' ')
    this.#access({ kind: 'mark', key })
  }

  awaitChange(...words: number[]): void {
    this.#access({ kind: 'await', seen: words.map(word => [word, this.#loaded.get(word) ?? 0] as const) })
  }

  globals(): object {
    return {
      Atomics: {
        load: (view: object, word: number) => (view === this.#i32 ? this.#load(word) : RealAtomics.load(view as Int32Array, word)),
        store: (view: object, word: number, value: number) =>
          view === this.#i32 ? this.#access({ kind: 'store', word, value: value | 0 }) : RealAtomics.store(view as Int32Array, word, value),
        wait: (_: object, word: number, value: number) => WAIT_ANSWERS[this.#access({ kind: 'wait', word, value })],
        notify: (_: object, word: number) => this.#access({ kind: 'notify', word }),
      },
      Int32Array: this.#viewed(RealInt32Array, this.#i32),
      Float64Array: this.#viewed(RealFloat64Array, this.#f64),
      Uint8Array: this.#viewed(RealUint8Array, this.#u8),
    }
  }

  #load(word: number): number {
    const value = this.#access({ kind: 'load', word })
    this.#loaded.set(word, value)
    return value
  }

  #access(access: Access): number {
    if (this.#done < this.#results.length) return this.#results[this.#done++]
    this.next = access
    throw STOP
  }

  #viewed<T extends object>(real: new (...args: never[]) => T, ours: object): new (...args: never[]) => T {
    return new Proxy(real, {
      construct: (target, args: never[]) => (args[0] === this.buffer ? ours : (Reflect.construct(target, args) as object)),
    })
  }
}

/** An array whose elements are read and written by functions. */
const indexed = (
  read: (i: number) => number,
  write: (i: number, value: number) => void,
  methods: Readonly<Record<string, unknown>>,
): object =>
  new Proxy(methods, {
    get: (target, name) => (typeof name === 'string' && name in target ? target[name] : read(Number(name))),
    set: (_, name, value: number) => {
      write(Number(name), value)
      return true
    },
  })
