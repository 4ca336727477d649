/**
 * Objects of this process that a source or sink finds by an id: text is all that options hold and all that crosses to a thread. The list
 * does not keep them alive. Whoever may still want one holds it (a source's node in a plan, a sink's description, the handle of a stream),
 * and when nobody does, its entry goes too.
 */
export class HeldObjects<T extends object> {
  readonly #prefix: string
  readonly #objects = new Map<string, WeakRef<T>>()
  readonly #gone = new FinalizationRegistry<string>(id => this.#objects.delete(id))
  #count = 0

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** The id under which it is found from now on, for as long as somebody holds it. */
  put(object: T): string {
    const id = `${this.#prefix}-${this.#count++}`
    this.#objects.set(id, new WeakRef(object))
    this.#gone.register(object, id)
    return id
  }

  get(id: string): T | null {
    return this.#objects.get(id)?.deref() ?? null
  }

  /** For tests: how many entries there are. */
  get size(): number {
    return this.#objects.size
  }
}
