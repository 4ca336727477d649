import { type Access, nextAccess, type Program } from './instrument.ts'

/**
 * Runs threads over shared memory in every order there is. A thread is the real code, instrumented: what it does next depends on nothing
 * but the values that its accesses gave so far, so the code's behaviour is a tree of accesses, each branch one value read; branches that
 * come to a mark with the same state grow together again. A state of the whole is a place in each thread's tree and the memory; states that
 * were seen are not visited again.
 *
 * Two things are looked for. *Failures*: a program's own check that fails, and a state in which somebody has not finished and nobody can go
 * on: a wake-up was lost (no sleep ends by itself here, unless time-outs are asked for). *Data races*: two accesses to one word, one of
 * them a write and one of them plain, that nothing orders. Only where there is none does the language promise that a program runs as if
 * accesses were interleaved one by one; so the search, which does just that, misses no reordering by a compiler or a processor. Order is
 * kept as vector clocks: an atomic load learns what the store it reads from knew, a woken sleeper what the waker knew.
 *
 * Because races are found by order, not by luck, it is enough to change threads at atomic accesses. `everyAccess` changes at all of them.
 */
export interface Model {
  /** Laid out; not changed. */
  readonly buffer: SharedArrayBuffer
  /** Indices of the words of four bytes that are used. */
  readonly words: readonly number[]
  readonly threads: readonly Program[]
  readonly everyAccess?: boolean
  /** How many sleeps of each thread may end by themselves. */
  readonly timeouts?: number
}

export interface Exploration {
  readonly states: number
  /** States in which all threads have finished. */
  readonly ends: number
  /** States in which a thread sleeps. */
  readonly sleeps: number
  /** Null if nothing is wrong; else what, and the steps that led there. */
  readonly failure: string | null
  /** The words of one state in which all have finished. */
  readonly finalWords: Int32Array | null
}

const OK = 0
const NOT_EQUAL = 1
const TIMED_OUT = 2
/** No result: the thread sleeps. */
const ASLEEP = null
const MOST_STATES = 3_000_000
const MOST_ACCESSES = 1000
/** After each step clocks are numbered anew, from 1 on, so they stay far below. */
const MOST_CLOCKS = 256

type MemoryAccess = Exclude<Access, { readonly kind: 'await' | 'mark' }>

/** A place in a thread's tree. `access` is what comes next; null: it has finished. */
interface Place {
  readonly id: number
  readonly results: readonly number[]
  readonly access: Access | null
  readonly children: Map<number, Place>
  readonly timeouts: number
}

interface State {
  readonly cells: Int32Array
  readonly before: State | null
  readonly thread: number
  readonly access: Access | null
}

/** What is wrong, found on the way. */
class Failure extends Error {}

export const explore = (model: Model): Exploration => new Search(model).run()

class Search {
  readonly #model: Model
  readonly #initial: Int32Array
  readonly #count: number
  /** From a word to its place among those that are used. */
  readonly #slots: ReadonlyMap<number, number>
  readonly #places: Place[][]
  readonly #marks: Map<string, Place>[]
  readonly #seen = new Set<number>()
  /** Where the parts of a state begin in its cells: places, sleeping, clocks, then for each word its value, last plain write, and for
   * each thread its last plain read, its last atomic load and store, and the clock that the last store left. */
  readonly #sleeping: number
  readonly #clocks: number
  readonly #words: number
  readonly #wordCells: number

  constructor(model: Model) {
    this.#model = model
    const all = new Int32Array(model.buffer)
    this.#initial = Int32Array.from(model.words, word => all[word])
    this.#slots = new Map(model.words.map((word, slot) => [word, slot]))
    this.#count = model.threads.length
    this.#places = model.threads.map(() => [])
    this.#marks = model.threads.map(() => new Map())
    this.#sleeping = this.#count
    this.#clocks = 2 * this.#count
    this.#words = this.#clocks + this.#count * this.#count
    this.#wordCells = 2 + 4 * this.#count
  }

  run(): Exploration {
    let [ends, sleeps] = [0, 0]
    let finalWords: Int32Array | null = null
    let at: State | null = null
    try {
      const stack: State[] = [this.#first()]
      for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
        at = state
        const { cells } = state
        const able = this.#ableThreads(cells)
        for (let t = 0; t < this.#count; t++) {
          if (cells[this.#sleeping + t] === 0) continue
          sleeps++
          break
        }
        if (able.length === 0) {
          this.#mustBeThrough(cells)
          ends++
          finalWords ??= Int32Array.from(this.#initial, (_, word) => cells[this.#words + word * this.#wordCells])
        }
        for (const t of able) {
          const next: State = { cells: cells.slice(), before: state, thread: t, access: this.#places[t][cells[t]].access }
          at = next
          this.#step(next.cells, t)
          this.#forget(next.cells)
          const hash = hashOf(next.cells)
          if (this.#seen.has(hash)) continue
          this.#seen.add(hash)
          if (this.#seen.size > MOST_STATES) throw new Error(`more than ${MOST_STATES} states`)
          stack.push(next)
        }
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      const steps: string[] = []
      for (let s = at as State | null; s !== null; s = s.before)
        steps.unshift(s.before === null ? 'from the beginning' : `thread ${s.thread}: ${describe(s.access)}`)
      return { states: this.#seen.size, ends, sleeps, failure: `${error.message}\n  ${steps.join('\n  ')}`, finalWords }
    }
    return { states: this.#seen.size, ends, sleeps, failure: null, finalWords }
  }

  #mustBeThrough(cells: Int32Array): void {
    const stuck = this.#placesOf(cells).flatMap((place, t) => (place.access === null ? [] : [`thread ${t} at ${describe(place.access)}`]))
    if (stuck.length > 0) throw new Failure(`nobody can go on: ${stuck.join(', ')}`)
  }

  #first(): State {
    const cells = new Int32Array(this.#words + this.#initial.length * this.#wordCells)
    for (let word = 0; word < this.#initial.length; word++) cells[this.#words + word * this.#wordCells] = this.#initial[word]
    for (let t = 0; t < this.#count; t++) {
      cells[t] = this.#addPlace(t, [], 0).id
      // A thread's clock begins at 1, so that 0 can mean never.
      cells[this.#clocks + t * this.#count + t] = 1
    }
    for (let t = 0; t < this.#count; t++) this.#runPlain(cells, t)
    return { cells, before: null, thread: 0, access: null }
  }

  #placesOf(cells: Int32Array): Place[] {
    return this.#places.map((places, t) => places[cells[t]])
  }

  #ableThreads(cells: Int32Array): number[] {
    const able: number[] = []
    for (let t = 0; t < this.#count; t++) {
      const { access, timeouts } = this.#places[t][cells[t]]
      if (access === null) continue
      if (cells[this.#sleeping + t] !== 0 && timeouts >= (this.#model.timeouts ?? 0)) continue
      if (access.kind === 'await' && access.seen.every(([word, value]) => cells[this.#cellOf(word)] === value)) continue
      able.push(t)
    }
    return able
  }

  /** One access of thread `t`, and the plain ones after it if threads change at atomic ones only. */
  #step(cells: Int32Array, t: number): void {
    this.#perform(cells, t)
    if (this.#model.everyAccess !== true) this.#runPlain(cells, t)
  }

  #runPlain(cells: Int32Array, t: number): void {
    if (this.#model.everyAccess === true) return
    for (;;) {
      const { access } = this.#places[t][cells[t]]
      if (access === null || !['read', 'write', 'mark'].includes(access.kind)) return
      this.#perform(cells, t)
    }
  }

  #perform(cells: Int32Array, t: number): void {
    const { access } = this.#places[t][cells[t]]
    if (access === null) throw new Error('a thread that has finished has no next access')
    const result = access.kind === 'await' || access.kind === 'mark' ? OK : this.#apply(cells, t, access)
    if (result !== ASLEEP) this.#advance(cells, t, result)
  }

  /** Does to the memory what the access does, and gives its result. */
  #apply(cells: Int32Array, t: number, access: MemoryAccess): number | typeof ASLEEP {
    const at = this.#cellOf(access.word)
    const own = this.#clocks + t * this.#count
    const reads = at + 2
    const [loads, stores, left] = [reads + this.#count, reads + 2 * this.#count, reads + 3 * this.#count]
    switch (access.kind) {
      case 'read':
        this.#mustKnow(cells, t, access, [stores])
        cells[reads + t] = cells[own + t]
        return cells[at]
      case 'write':
        this.#mustKnow(cells, t, access, [reads, loads, stores])
        cells[at] = access.value
        cells[at + 1] = (t << 16) | cells[own + t]
        return OK
      case 'load':
        this.#mustKnow(cells, t, access, [])
        cells[loads + t] = cells[own + t]
        this.#learn(cells, t, left)
        return cells[at]
      case 'store':
        this.#mustKnow(cells, t, access, [reads])
        cells[at] = access.value
        cells[stores + t] = cells[own + t]
        for (let u = 0; u < this.#count; u++) cells[left + u] = cells[own + u]
        cells[own + t]++
        return OK
      case 'wait':
        if (cells[this.#sleeping + t] !== 0) {
          cells[this.#sleeping + t] = 0
          return TIMED_OUT
        }
        this.#mustKnow(cells, t, access, [])
        cells[loads + t] = cells[own + t]
        this.#learn(cells, t, left)
        if (cells[at] !== access.value) return NOT_EQUAL
        cells[this.#sleeping + t] = 1
        return ASLEEP
      case 'notify':
        this.#wake(cells, access.word, own)
        cells[own + t]++
        return OK
    }
  }

  #wake(cells: Int32Array, word: number, clock: number): void {
    for (let u = 0; u < this.#count; u++) {
      const sleeper = this.#places[u][cells[u]].access
      if (cells[this.#sleeping + u] === 0 || sleeper?.kind !== 'wait' || sleeper.word !== word) continue
      cells[this.#sleeping + u] = 0
      this.#learn(cells, u, clock)
      this.#advance(cells, u, OK)
      this.#runPlain(cells, u)
    }
  }

  /** What others did to the word must be known to the thread: the last plain write, and the last of each of `kinds`. */
  #mustKnow(cells: Int32Array, t: number, access: MemoryAccess, kinds: readonly number[]): void {
    const own = this.#clocks + t * this.#count
    const written = cells[this.#cellOf(access.word) + 1]
    if (written >> 16 !== t && (written & 0xffff) > cells[own + (written >> 16)]) {
      throw new Failure(`a data race of thread ${t}, ${describe(access)}, with a write of thread ${written >> 16}`)
    }
    for (const kind of kinds) {
      for (let u = 0; u < this.#count; u++) {
        if (u === t || cells[kind + u] <= cells[own + u]) continue
        throw new Failure(`a data race of thread ${t}, ${describe(access)}, with thread ${u}`)
      }
    }
  }

  /**
   * Clocks count how often a thread has told others something, which says more than matters: whether one of two is larger does. What all
   * others know already becomes never, the rest is numbered anew, so that states that differ in nothing else are equal.
   */
  #forget(cells: Int32Array): void {
    const count = this.#count
    for (let t = 0; t < count; t++) {
      let known = Number.POSITIVE_INFINITY
      for (let u = 0; u < count; u++) if (u !== t) known = Math.min(known, cells[this.#clocks + u * count + t])
      const used = new Uint8Array(MOST_CLOCKS)
      used[known] = 1
      for (let u = 0; u < count; u++) used[cells[this.#clocks + u * count + t]] = 1
      for (let at = this.#words; at < cells.length; at += this.#wordCells) {
        if (cells[at + 1] >> 16 === t) {
          if ((cells[at + 1] & 0xffff) <= known) cells[at + 1] = 0
          else used[cells[at + 1] & 0xffff] = 1
        }
        for (let i = at + 2 + t; i < at + this.#wordCells; i += count) {
          if (cells[i] <= known) cells[i] = 0
          else used[cells[i]] = 1
        }
      }
      used[0] = 0
      for (let clock = 1, number = 0; clock < MOST_CLOCKS; clock++) if (used[clock] === 1) used[clock] = ++number
      for (let u = 0; u < count; u++) cells[this.#clocks + u * count + t] = used[cells[this.#clocks + u * count + t]]
      for (let at = this.#words; at < cells.length; at += this.#wordCells) {
        for (let i = at + 2 + t; i < at + this.#wordCells; i += count) if (cells[i] !== 0) cells[i] = used[cells[i]]
        if (cells[at + 1] !== 0 && cells[at + 1] >> 16 === t) cells[at + 1] = (t << 16) | used[cells[at + 1] & 0xffff]
      }
    }
  }

  #cellOf(word: number): number {
    const slot = this.#slots.get(word)
    if (slot === undefined) throw new Failure(`an access to word ${word}, which is nobody's`)
    return this.#words + slot * this.#wordCells
  }

  #learn(cells: Int32Array, t: number, from: number): void {
    const own = this.#clocks + t * this.#count
    for (let u = 0; u < this.#count; u++) cells[own + u] = Math.max(cells[own + u], cells[from + u])
  }

  #advance(cells: Int32Array, t: number, result: number): void {
    const place = this.#places[t][cells[t]]
    let next = place.children.get(result)
    if (next === undefined) {
      const timedOut = place.access?.kind === 'wait' && result === TIMED_OUT
      next = this.#addPlace(t, [...place.results, result], place.timeouts + (timedOut ? 1 : 0))
      place.children.set(result, next)
    }
    cells[t] = next.id
  }

  #addPlace(t: number, results: readonly number[], timeouts: number): Place {
    if (results.length > MOST_ACCESSES) throw new Failure(`thread ${t} does not come to an end`)
    const next = nextAccess(this.#model.threads[t], this.#model.buffer, results)
    if (next instanceof Error) throw new Failure(`thread ${t}: ${next.message}`)
    if (next?.kind === 'mark') {
      const key = `${timeouts} ${next.key}`
      const same = this.#marks[t].get(key)
      if (same !== undefined) return same
      const place = this.#newPlace(t, results, next, timeouts)
      this.#marks[t].set(key, place)
      return place
    }
    return this.#newPlace(t, results, next, timeouts)
  }

  #newPlace(t: number, results: readonly number[], next: Access | null, timeouts: number): Place {
    const places = this.#places[t]
    const place: Place = { id: places.length, results, access: next, children: new Map(), timeouts }
    places.push(place)
    return place
  }
}

const describe = (access: Access | null): string => {
  if (access === null) return 'the end'
  if (access.kind === 'await') return `await a change of ${access.seen.map(([word, value]) => `${word} from ${value}`).join(', ')}`
  if (access.kind === 'mark') return `mark ${access.key}`
  return `${access.kind} ${access.word}${'value' in access ? ` ${access.value}` : ''}`
}

/** 53 bits: among a million states the chance that two share one, so that one of them is not looked at, is below one in ten thousand. */
const hashOf = (cells: Int32Array): number => {
  let [a, b] = [0x9e3779b1 | 0, 0x85ebca6b | 0]
  for (let i = 0; i < cells.length; i++) {
    a = Math.imul(a ^ cells[i], 0x01000193)
    a ^= a >>> 15
    b = Math.imul(b + cells[i], 0x85ebca77)
    b ^= b >>> 13
  }
  return (a >>> 0) * 2 ** 21 + (b >>> 11)
}
