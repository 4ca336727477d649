import {
  abs,
  type Column,
  ceil,
  coalesce,
  concat,
  floor,
  greatest,
  isnull,
  least,
  length,
  lit,
  lower,
  not,
  nullif,
  round,
  substring,
  timestampAdd,
  trim,
  unixMillis,
  upper,
  when,
} from '../../../src/index.ts'
import { START } from './data.ts'
import { type Kind, type Operation, sqlLiteral } from './expression.ts'

/**
 * What random expressions are made of. Left out is what Spark and SQLite do not agree on: case of letters beyond ASCII, texts of doubles,
 * texts cast to numbers, remainders of doubles, sums beyond 64 bits. Factors are small, so that nothing overflows.
 */

const operation = (
  name: string,
  takes: readonly Kind[],
  gives: Kind,
  column: (...args: Column[]) => Column,
  sql: (...args: string[]) => string,
): Operation => ({ name, takes, gives, column, sql })

const arithmetic: readonly Operation[] = [
  ...(['long', 'double'] as const).flatMap(kind => [
    operation(
      `plus ${kind}`,
      [kind, kind],
      kind,
      (a, b) => a.plus(b),
      (a, b) => `${a} + ${b}`,
    ),
    operation(
      `minus ${kind}`,
      [kind, kind],
      kind,
      (a, b) => a.minus(b),
      (a, b) => `${a} - ${b}`,
    ),
    operation(
      `negate ${kind}`,
      [kind],
      kind,
      a => a.negate(),
      a => `-(${a})`,
    ),
    operation(`abs ${kind}`, [kind], kind, abs, a => `abs(${a})`),
    ...[2, -3, 7].map(factor =>
      operation(
        `times ${kind}`,
        [kind],
        kind,
        a => a.multiply(factor),
        a => `${a} * ${factor}`,
      ),
    ),
  ]),
  ...[2, 5, -7].map(divisor =>
    operation(
      'mod',
      ['long'],
      'long',
      a => a.mod(divisor),
      a => `${a} % ${divisor}`,
    ),
  ),
  operation(
    'mod of longs',
    ['long', 'long'],
    'long',
    (a, b) => a.mod(nullif(b, lit(0))),
    (a, b) => `${a} % nullif(${b}, 0)`,
  ),
  operation(
    'mixed sum',
    ['long', 'double'],
    'double',
    (a, b) => a.plus(b),
    (a, b) => `${a} + ${b}`,
  ),
  operation(
    'divide',
    ['long', 'long'],
    'ratio',
    (a, b) => a.divide(nullif(b, lit(0))),
    (a, b) => `CAST(${a} AS REAL) / nullif(${b}, 0)`,
  ),
  operation(
    'divide doubles',
    ['double', 'double'],
    'ratio',
    (a, b) => a.divide(nullif(b, lit(0))),
    (a, b) => `${a} / nullif(${b}, 0)`,
  ),
  operation('floor', ['double'], 'long', floor, a => `CAST(floor(${a}) AS INTEGER)`),
  operation('ceil', ['double'], 'long', ceil, a => `CAST(ceil(${a}) AS INTEGER)`),
  operation(
    'round',
    ['double'],
    'double',
    a => round(a),
    a => `round(${a})`,
  ),
  operation(
    'to bigint',
    ['double'],
    'long',
    a => a.cast('bigint'),
    a => `CAST(${a} AS INTEGER)`,
  ),
  operation(
    'to double',
    ['long'],
    'double',
    a => a.cast('double'),
    a => `CAST(${a} AS REAL)`,
  ),
]

const LETTERS = ['a', 'b', 'ab', '日', ' ', "'"]

const texts: readonly Operation[] = [
  operation(
    'concat',
    ['text', 'text'],
    'text',
    (a, b) => concat(a, b),
    (a, b) => `${a} || ${b}`,
  ),
  operation(
    'concat long',
    ['text', 'long'],
    'text',
    (a, b) => concat(a, lit(':'), b),
    (a, b) => `${a} || ':' || ${b}`,
  ),
  operation('upper', ['text'], 'text', upper, a => `upper(${a})`),
  operation('lower', ['text'], 'text', lower, a => `lower(${a})`),
  operation('trim', ['text'], 'text', trim, a => `trim(${a})`),
  operation(
    'length',
    ['text'],
    'long',
    a => length(a).cast('bigint'),
    a => `length(${a})`,
  ),
  operation(
    'long as text',
    ['long'],
    'text',
    a => a.cast('string'),
    a => `CAST(${a} AS TEXT)`,
  ),
  operation(
    'truth as text',
    ['truth'],
    'text',
    a => a.cast('string'),
    a => `CASE WHEN ${a} THEN 'true' WHEN NOT ${a} THEN 'false' END`,
  ),
  ...[
    [1, 1],
    [2, 3],
    [-1, 1],
    [-2, 2],
    [-5, 4],
    [3, 0],
  ].map(([from, size]) =>
    operation(
      'substring',
      ['text'],
      'text',
      a => substring(a, from, size),
      a => `substr(${a}, ${from}, ${size})`,
    ),
  ),
  ...LETTERS.flatMap(letter => [
    operation(
      'contains',
      ['text'],
      'truth',
      a => a.contains(letter),
      a => `instr(${a}, ${sqlLiteral(letter)}) > 0`,
    ),
    operation(
      'startsWith',
      ['text'],
      'truth',
      a => a.startsWith(letter),
      a => `substr(${a}, 1, ${letter.length}) = ${sqlLiteral(letter)}`,
    ),
    operation(
      'endsWith',
      ['text'],
      'truth',
      a => a.endsWith(letter),
      a => `substr(${a}, ${-letter.length}) = ${sqlLiteral(letter)}`,
    ),
  ]),
  ...['a%', '%b', '_b%', '%', '%a%日', ''].map(pattern =>
    operation(
      'like',
      ['text'],
      'truth',
      a => a.like(pattern),
      a => `${a} LIKE ${sqlLiteral(pattern)}`,
    ),
  ),
  operation(
    'contains text',
    ['text', 'text'],
    'truth',
    (a, b) => a.contains(b),
    (a, b) => `instr(${a}, ${b}) > 0`,
  ),
]

const truths: readonly Operation[] = [
  operation(
    'and',
    ['truth', 'truth'],
    'truth',
    (a, b) => a.and(b),
    (a, b) => `${a} AND ${b}`,
  ),
  operation(
    'or',
    ['truth', 'truth'],
    'truth',
    (a, b) => a.or(b),
    (a, b) => `${a} OR ${b}`,
  ),
  operation('not', ['truth'], 'truth', not, a => `NOT ${a}`),
  operation(
    'in longs',
    ['long'],
    'truth',
    a => a.isin(1, -2, 5),
    a => `${a} IN (1, -2, 5)`,
  ),
  operation(
    'in longs or null',
    ['long'],
    'truth',
    a => a.isin(0, 3, null),
    a => `${a} IN (0, 3, NULL)`,
  ),
  operation(
    'in texts',
    ['text'],
    'truth',
    a => a.isin('a', 'ab', ''),
    a => `${a} IN ('a', 'ab', '')`,
  ),
  operation(
    'ratio below',
    ['ratio', 'ratio'],
    'truth',
    (a, b) => a.lt(b),
    (a, b) => `${a} < ${b}`,
  ),
  operation(
    'ratio above',
    ['ratio', 'double'],
    'truth',
    (a, b) => a.gt(b),
    (a, b) => `${a} > ${b}`,
  ),
  operation(
    'long below double',
    ['long', 'double'],
    'truth',
    (a, b) => a.leq(b),
    (a, b) => `${a} <= ${b}`,
  ),
]

const times: readonly Operation[] = [
  operation(
    'millis',
    ['time'],
    'long',
    a => unixMillis(a).minus(START),
    a => `${a} - ${START}`,
  ),
  ...[-1500, 700, 3_600_000].map(millis =>
    operation(
      'later',
      ['time'],
      'time',
      a => timestampAdd('MILLISECOND', millis, a),
      a => `${a} + ${millis}`,
    ),
  ),
]

/** Of every kind that has literals. */
const general: readonly Operation[] = (['long', 'double', 'text', 'truth', 'time'] as const).flatMap(kind => [
  operation(
    `coalesce ${kind}`,
    [kind, kind],
    kind,
    (a, b) => coalesce(a, b),
    (a, b) => `coalesce(${a}, ${b})`,
  ),
  operation(
    `nullif ${kind}`,
    [kind, kind],
    kind,
    (a, b) => nullif(a, b),
    (a, b) => `nullif(${a}, ${b})`,
  ),
  operation(
    `case ${kind}`,
    ['truth', kind, kind],
    kind,
    (a, b, c) => when(a, b).otherwise(c),
    (a, b, c) => `CASE WHEN ${a} THEN ${b} ELSE ${c} END`,
  ),
  operation(
    `case of two ${kind}`,
    ['truth', kind, 'truth', kind],
    kind,
    (a, b, c, d) => when(a, b).when(c, d),
    (a, b, c, d) => `CASE WHEN ${a} THEN ${b} WHEN ${c} THEN ${d} END`,
  ),
  operation(`is null ${kind}`, [kind], 'truth', isnull, a => `${a} IS NULL`),
  operation(
    `is not null ${kind}`,
    [kind],
    'truth',
    a => a.isNotNull(),
    a => `${a} IS NOT NULL`,
  ),
  operation(
    `equal ${kind}`,
    [kind, kind],
    'truth',
    (a, b) => a.equalTo(b),
    (a, b) => `${a} = ${b}`,
  ),
  operation(
    `unequal ${kind}`,
    [kind, kind],
    'truth',
    (a, b) => a.notEqual(b),
    (a, b) => `${a} <> ${b}`,
  ),
  operation(
    `null-safe equal ${kind}`,
    [kind, kind],
    'truth',
    (a, b) => a.eqNullSafe(b),
    (a, b) => `${a} IS ${b}`,
  ),
])

/** SQLite's least and greatest are null if either value is. */
const ordered: readonly Operation[] = (['long', 'double', 'text', 'time'] as const).flatMap(kind => [
  operation(
    `less ${kind}`,
    [kind, kind],
    'truth',
    (a, b) => a.lt(b),
    (a, b) => `${a} < ${b}`,
  ),
  operation(
    `greater or equal ${kind}`,
    [kind, kind],
    'truth',
    (a, b) => a.geq(b),
    (a, b) => `${a} >= ${b}`,
  ),
  operation(
    `between ${kind}`,
    [kind, kind, kind],
    'truth',
    (a, b, c) => a.between(b, c),
    (a, b, c) => `${a} BETWEEN ${b} AND ${c}`,
  ),
  operation(
    `least ${kind}`,
    [kind, kind],
    kind,
    (a, b) => least(a, b),
    (a, b) => `min(coalesce(${a}, ${b}), coalesce(${b}, ${a}))`,
  ),
  operation(
    `greatest ${kind}`,
    [kind, kind],
    kind,
    (a, b) => greatest(a, b),
    (a, b) => `max(coalesce(${a}, ${b}), coalesce(${b}, ${a}))`,
  ),
])

export const operations: readonly Operation[] = [...arithmetic, ...texts, ...truths, ...times, ...general, ...ordered]
