import type { SeededRandom } from '../../support/random.ts'
import { columnNamed, type Expression, type Kind } from './expression.ts'
import { type Field, randomExpression, randomKind } from './random-expression.ts'
import { type Aggregate, type Equality, eventKinds, type JoinType, type Named, type Relation, tableKinds, type Window } from './relation.ts'

/** A query, and what has to be known to compare what it puts out. */
export interface Query {
  readonly relation: Relation
  readonly fields: readonly Field[]
  readonly outputMode: 'append' | 'update' | 'complete'
  /** In update mode a row replaces the one before with the same values here. */
  readonly keys: readonly string[]
}

/** A relation under construction. */
interface Part {
  readonly relation: Relation
  readonly fields: readonly Field[]
  /** The column of event time; totals by window have `w`. */
  readonly time: string | null
}

/** What can be put on top of a part; it asks the random numbers for everything. */
class Builder {
  readonly #random: SeededRandom
  #names = 0

  constructor(random: SeededRandom) {
    this.#random = random
  }

  chance(one: number): boolean {
    return this.#random.below(one) === 0
  }

  events(prefix = ''): Part {
    const fields = Object.entries(eventKinds).map(([name, kind]) => ({ name: `${prefix}${name}`, kind }))
    return { relation: { kind: 'events', stream: this.chance(2) ? 0 : 1, prefix }, fields, time: `${prefix}at` }
  }

  filter(part: Part): Part {
    return { ...part, relation: { kind: 'filter', child: part.relation, condition: this.#value(part, 'truth', 3) } }
  }

  /** Keeps what the event time is, and whatever else `kept` says. */
  select(part: Part, kept: readonly string[] = []): Part {
    const stay = part.fields.filter(({ name }) => name === part.time || kept.includes(name) || this.chance(2))
    const made = Array.from({ length: 1 + this.#random.below(3) }, () => ({ name: this.#name(), kind: randomKind(this.#random) }))
    const columns = [
      ...stay.map(({ name }) => ({ name, value: columnNamed(name) })),
      ...made.map(({ name, kind }) => ({ name, value: this.#value(part, kind, 2) })),
    ]
    return { relation: { kind: 'select', child: part.relation, columns }, fields: [...stay, ...made], time: part.time }
  }

  /** Columns of the same kinds from each side. */
  union(left: Part, right: Part): Part {
    const made = Array.from({ length: 2 + this.#random.below(3) }, () => ({ name: this.#name(), kind: randomKind(this.#random) }))
    const side = (part: Part): Relation => {
      const columns = made.map(({ name, kind }) => ({ name, value: this.#value(part, kind, this.#random.below(2)) }))
      return { kind: 'select', child: part.relation, columns: [{ name: 'at', value: columnNamed('at') }, ...columns] }
    }
    const fields: Field[] = [{ name: 'at', kind: 'time' }, ...made]
    return { relation: { kind: 'union', left: side(left), right: side(right) }, fields, time: 'at' }
  }

  distinct(part: Part): Part {
    const few = this.#random.below(3) > 0
    const sure = part.time ?? this.#random.pick(part.fields).name
    const names = part.fields.map(({ name }) => name).filter(name => name === sure || !few || this.chance(3))
    const columns = names.map(name => ({ name, value: columnNamed(name) }))
    const chosen: Relation = { kind: 'select', child: part.relation, columns }
    return { ...part, relation: { kind: 'distinct', child: chosen }, fields: part.fields.filter(({ name }) => names.includes(name)) }
  }

  /** Null if the part has no column that the table could be joined by. */
  tableJoin(part: Part): Part | null {
    const table = Object.entries(tableKinds).map(([name, kind]) => ({ name, kind }))
    const on = this.#equalities(part.fields, table)
    if (on.length === 0) return null
    const type = this.#random.pick<JoinType>(['inner', 'left', 'left_semi', 'left_anti'])
    const fields = [...part.fields, ...table]
    const and = this.chance(3) ? this.#value({ fields }, 'truth', 2) : null
    const relation: Relation = { kind: 'tableJoin', child: part.relation, type, on, and }
    return { relation, fields: type === 'inner' || type === 'left' ? fields : part.fields, time: part.time }
  }

  /** Of events with events, near each other in time. */
  streamJoin(left: Part, right: Part): Part {
    const type = this.#random.pick<JoinType>(['inner', 'inner', 'left', 'left', 'right', 'full', 'left_semi'])
    const fields = [...left.fields, ...right.fields]
    const on = this.#random.pick<Equality[]>([
      [{ left: 'l_k', right: 'r_k', nullSafe: this.chance(4) }],
      [{ left: 'l_g', right: 'r_g', nullSafe: this.chance(4) }],
      ['k', 'g'].map(name => ({ left: `l_${name}`, right: `r_${name}`, nullSafe: this.chance(4) })),
    ])
    const from = this.#random.below(3000) - 2000
    const within = { left: 'l_at', right: 'r_at', from, to: from + this.#random.below(3000) }
    const and = this.chance(3) ? this.#value({ fields }, 'truth', 2) : null
    const relation: Relation = { kind: 'streamJoin', left: left.relation, right: right.relation, type, on, within, and }
    const times: Readonly<Record<JoinType, string | null>> = {
      inner: this.#random.pick(['l_at', 'r_at']),
      left: 'l_at',
      left_semi: 'l_at',
      left_anti: 'l_at',
      right: 'r_at',
      full: null,
    }
    return { relation, fields: type === 'left_semi' ? left.fields : fields, time: times[type] }
  }

  /** Totals of each side's windows, side by side. */
  totalsJoin(left: Part, right: Part): Part {
    const window = this.window('')
    const renamed = (part: Part, prefix: string): Part => {
      const totals = this.aggregate(part, { ...window, time: `${prefix}at` }, [{ name: `${prefix}k`, kind: 'text' }])
      const columns = totals.fields.map(({ name }) => ({ name: name === 'w' ? `${prefix}w` : name, value: columnNamed(name) }))
      const fields = totals.fields.map(field => (field.name === 'w' ? { ...field, name: `${prefix}w` } : field))
      return { relation: { kind: 'select', child: totals.relation, columns }, fields, time: null }
    }
    const [l, r] = [renamed(left, 'l_'), renamed(right, 'r_')]
    const on = ['w', 'k'].map(name => ({ left: `l_${name}`, right: `r_${name}`, nullSafe: false }))
    const type = this.#random.pick<JoinType>(['inner', 'left', 'full'])
    const relation: Relation = { kind: 'streamJoin', left: l.relation, right: r.relation, type, on, within: null, and: null }
    return { relation, fields: [...l.fields, ...r.fields], time: null }
  }

  window(time: string): Extract<Window, { kind: 'ofTime' }> {
    const size = this.#random.pick([500, 1000, 2000, 3000])
    const slide = this.#random.pick([size, size, size / 2, 300, 450])
    return { kind: 'ofTime', time, size, slide, offset: this.chance(3) ? this.#random.below(slide) : 0 }
  }

  /** By a window, or not, and by `keys`, or else random ones. */
  aggregate(part: Part, window: Window | null, given: readonly Field[] | null = null, leastKeys = 0): Part {
    const made =
      given ?? Array.from({ length: leastKeys + this.#random.below(4 - leastKeys) }, () => ({ name: this.#name(), kind: this.#keyKind() }))
    const keys: Named[] = made.map(({ name, kind }) => ({
      name,
      value: given === null ? this.#value(part, kind, this.#random.below(2)) : columnNamed(name),
    }))
    const called = Array.from({ length: 1 + this.#random.below(4) }, () => this.#call(part))
    const start: Field[] = window === null ? [] : [{ name: 'w', kind: 'window' }]
    return {
      relation: { kind: 'aggregate', child: part.relation, window, keys, aggregates: called.map(({ aggregate }) => aggregate) },
      fields: [...start, ...made, ...called.map(({ aggregate: { name }, kind }) => ({ name, kind }))],
      time: window === null ? null : 'w',
    }
  }

  #call(part: Part): { readonly aggregate: Aggregate; readonly kind: Kind } {
    const name = this.#name()
    const calls = this.#random.pick<Aggregate['calls']>([
      'count',
      'count',
      'countDistinct',
      'sum',
      'sum',
      'sumDistinct',
      'avg',
      'min',
      'max',
    ])
    const arg = (kind: Kind): Expression => this.#value(part, kind, this.#random.below(3))
    switch (calls) {
      case 'count':
        return { aggregate: { name, calls, args: this.chance(2) ? [] : [arg(randomKind(this.#random))] }, kind: 'long' }
      case 'countDistinct': {
        const args = Array.from({ length: 1 + this.#random.below(2) }, () => arg(this.#keyKind()))
        return { aggregate: { name, calls, args }, kind: 'long' }
      }
      case 'min':
      case 'max': {
        const kind = this.#random.pick<Kind>(['long', 'double', 'text', 'time', 'ratio'])
        return { aggregate: { name, calls, args: [arg(kind)] }, kind }
      }
      default: {
        const kind = this.#random.pick<Kind>(['long', 'double'])
        return { aggregate: { name, calls, args: [arg(kind)] }, kind: calls === 'avg' ? 'ratio' : kind }
      }
    }
  }

  #keyKind(): Kind {
    return this.#random.pick<Kind>(['long', 'text', 'truth', 'time'])
  }

  /** Columns of the same kind; at least one, if there are any. */
  #equalities(lefts: readonly Field[], rights: readonly Field[]): Equality[] {
    const pairs = rights.flatMap(right => lefts.filter(({ kind }) => kind === right.kind).map(left => [left.name, right.name]))
    if (pairs.length === 0) return []
    return Array.from({ length: 1 + this.#random.below(2) }, () => {
      const [left, right] = this.#random.pick(pairs)
      return { left, right, nullSafe: this.chance(5) }
    })
  }

  #value({ fields }: { readonly fields: readonly Field[] }, kind: Kind, depth: number): Expression {
    return randomExpression(this.#random, fields, kind, depth)
  }

  #name(): string {
    return `c${this.#names++}`
  }
}

export const randomQuery = (random: SeededRandom): Query => {
  const make = new Builder(random)
  const input = (prefix = ''): Part => {
    const events = make.events(prefix)
    return make.chance(2) ? make.filter(events) : events
  }
  const appended = (part: Part): Query => ({ relation: part.relation, fields: part.fields, outputMode: 'append', keys: [] })

  const kind = random.below(8)
  if (kind === 0) {
    const [left, right] = [input('l_'), input('r_')]
    return appended(make.totalsJoin(left, right))
  }
  const joined = kind <= 2
  let part = joined ? make.streamJoin(input('l_'), input('r_')) : kind === 3 ? make.union(input(), input()) : input()
  for (let i = random.below(3); i > 0; i--) part = make.chance(3) ? make.filter(part) : make.select(part)
  if (make.chance(3)) part = make.tableJoin(part) ?? part
  if (make.chance(5)) part = make.distinct(part)
  if (make.chance(4)) part = make.chance(2) ? make.filter(part) : make.select(part)

  const windowed = part.time !== null && random.below(3) > 0
  if (joined && !windowed) return appended(part)
  if (!windowed && make.chance(2)) return appended(part)
  const window = windowed && part.time !== null ? make.window(part.time) : null
  const outputMode = joined
    ? 'append'
    : random.pick(windowed ? (['append', 'append', 'update', 'complete'] as const) : (['update', 'complete'] as const))
  // In real time totals come with rows; over no rows at all they are one row elsewhere.
  const totals = make.aggregate(part, window, null, window === null && outputMode === 'update' ? 1 : 0)
  if (outputMode === 'update') {
    const { keys } = totals.relation as Extract<Relation, { kind: 'aggregate' }>
    const names = [...(window === null ? [] : ['w']), ...keys.map(({ name }) => name)]
    const { relation, fields } = make.chance(2) ? make.select(totals, names) : totals
    return { relation, fields, outputMode, keys: names }
  }
  return { ...appended(above(totals, window, make, outputMode)), outputMode }
}

/** Having, and totals of totals. */
const above = (totals: Part, window: Window | null, make: Builder, outputMode: 'append' | 'complete'): Part => {
  let part = make.chance(3) ? make.filter(totals) : totals
  if (make.chance(3)) part = make.select(part)
  if (make.chance(3))
    part = make.aggregate(
      part,
      window?.kind !== 'ofTime' ? null : make.chance(2) ? { kind: 'same' } : { kind: 'larger', inner: window.size, size: 4000 },
    )
  if (outputMode === 'complete' && make.chance(4)) part = make.distinct(part)
  return make.chance(3) ? make.filter(part) : part
}
