#!/usr/bin/env python3
"""Asks Spark what each expression gives, and writes the answers down as golden tables.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install pyspark==4.3.0      (and a JDK 17)
    /tmp/venv/bin/python test/expression/golden/generate.py test/expression/golden

It writes one <family>.golden.json for each family: { spark, cases: [case, …] }. A case:

    name            unique in its file
    sql             the expression as Spark SQL text, over the columns of `schema`
    expression      the same as JSON of src/expression/expression.ts
    schema          [[column, type text, nullable], …]
    rows            input rows, values in column order
    answers         for each row what Spark gives, or {"error": Spark's error condition}
    resultType      Spark's name of the result's type
    analysisError   instead of answers and resultType: Spark refuses the expression with this condition

Values, in rows and answers: boolean, string and number as they are; a long beyond 2^53 is {"$bigint": "…"}; binary {"$binary": base64};
NaN, infinities and -0.0 {"$double": "NaN" | "Infinity" | "-Infinity" | "-0"}; a decimal is its text; a date the days since 1970; a timestamp
the micros since 1970; a struct an object. In `expression`, a literal is as LiteralValue says (a decimal is its unscaled {"$bigint"}).
A sliding window gives a list of windows.

aggregates.golden.json: cases { name, sql, expression, schema, rows: [[key, value], …], answers: [[key, answer], …], resultType }.

Spark runs with ANSI mode on (its default) and session time zone UTC. base64Unbroken is base64 with spark.sql.chunkBase64String.enabled off.
A window_time stands over the window that it belongs to, and gives a list, too. Answers are the same in each run.
"""
import base64
import datetime
import decimal
import json
import logging
import math
import os
import random
import re
import struct
import sys
import time

os.environ['TZ'] = 'UTC'
time.tzset()

from pyspark.errors import PySparkException  # noqa: E402
from pyspark.sql import Row, SparkSession  # noqa: E402

spark = (
    SparkSession.builder.master('local[1]')
    .config('spark.ui.enabled', 'false')
    .config('spark.sql.ansi.enabled', 'true')
    .config('spark.sql.session.timeZone', 'UTC')
    .config('spark.driver.extraJavaOptions', '-Duser.timezone=UTC')
    .config('spark.sql.debug.maxToStringFields', '100')
    .getOrCreate()
)
spark.sparkContext.setLogLevel('OFF')
logging.getLogger('SQLQueryContextLogger').disabled = True
logging.disable(logging.CRITICAL)

# Types ---------------------------------------------------------------------------------------------------------------------------------------

KINDS = {'tinyint': 'byte', 'smallint': 'short', 'int': 'integer', 'bigint': 'long', 'void': 'null'}


def split_top(text):
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in '<(') - (c in '>)')
        if c == ',' and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return parts + [text[start:]]


def type_json(text):
    """DataType JSON from Spark's type text."""
    text = text.strip()
    if text.startswith('decimal'):
        p, s = re.match(r'decimal\((\d+),\s*(\d+)\)', text).groups()
        return {'kind': 'decimal', 'precision': int(p), 'scale': int(s)}
    if text.startswith('struct<'):
        fields = []
        for part in split_top(text[7:-1]):
            name, of = part.strip().split(':', 1)
            fields.append({'name': name, 'type': type_json(of), 'nullable': True})
        return {'kind': 'struct', 'fields': fields}
    if text.startswith('array<'):
        return {'kind': 'array', 'element': type_json(text[6:-1]), 'containsNull': True}
    return {'kind': KINDS.get(text, text)}


def text_literal(text):
    return "'" + text.replace('\\', '\\\\').replace("'", "\\'") + "'"


def sql_value(value, of):
    """A value as SQL text that is exactly of this type."""
    if value is None:
        return f'CAST(NULL AS {of})'
    if of == 'string':
        return text_literal(value)
    if of == 'binary':
        return "X'" + value.hex() + "'"
    if of == 'date':
        return f'date_from_unix_date({value})'
    if of == 'timestamp':
        return f'timestamp_micros({value})'
    if of == 'boolean':
        return 'true' if value else 'false'
    if of in ('float', 'double'):
        return f"CAST('{java_double(value)}' AS {of})"
    if of.startswith('struct<'):
        parts = [p.strip().split(':', 1) for p in split_top(of[7:-1])]
        return 'named_struct(' + ', '.join(f"'{n}', {sql_value(value.get(n), t)}" for n, t in parts) + ')'
    return f"CAST('{value}' AS {of})"


def java_double(value):
    if math.isnan(value):
        return 'NaN'
    if math.isinf(value):
        return 'Infinity' if value > 0 else '-Infinity'
    return repr(value)


def encode(value, of):
    """A value as the golden file holds it."""
    if value is None:
        return None
    if of.startswith('struct<'):
        value = value.asDict() if isinstance(value, Row) else value
        return {n.strip(): encode(value.get(n.strip()), t.strip()) for n, t in (p.split(':', 1) for p in split_top(of[7:-1]))}
    if of.startswith('array<'):
        return [encode(v, of[6:-1]) for v in value]
    if of in ('float', 'double'):
        value = float(value)
        if math.isnan(value) or math.isinf(value):
            return {'$double': java_double(value)}
        if value == 0 and math.copysign(1, value) < 0:
            return {'$double': '-0'}
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, (bytes, bytearray)):
        return {'$binary': base64.b64encode(bytes(value)).decode()}
    if isinstance(value, decimal.Decimal):
        return format(value, 'f')
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= 2**53 - 1 else {'$bigint': str(value)}
    if isinstance(value, datetime.datetime):
        delta = value.replace(tzinfo=datetime.timezone.utc) - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return encode((delta.days * 86400 + delta.seconds) * 10**6 + delta.microseconds, 'bigint')
    if isinstance(value, datetime.date):
        return (value - datetime.date(1970, 1, 1)).days
    return value


# Expressions ---------------------------------------------------------------------------------------------------------------------------------


class E:
    """SQL text and our JSON side by side."""

    def __init__(self, sql, js):
        self.sql = sql
        self.json = js


def col(name):
    return E(name, {'kind': 'column', 'name': name})


c0, c1, c2, c3 = (col(f'c{i}') for i in range(4))


def lit(value, of):
    js = encode(value, of)
    if of.startswith('decimal') and value is not None:
        scale = int(re.search(r',\s*(\d+)', of).group(1))
        js = {'$bigint': str(int(decimal.Decimal(value).scaleb(scale)))}
    return E(sql_value(value, of), {'kind': 'literal', 'value': js, 'type': type_json(of)})


NULL = E('NULL', {'kind': 'literal', 'value': None, 'type': {'kind': 'null'}})


def i(value):
    return E(str(value), {'kind': 'literal', 'value': value, 'type': {'kind': 'integer'}})


def s(value):
    return lit(value, 'string')


def call(name, *args, sql=None):
    text = sql.format(*(a.sql for a in args)) if sql else f'{name}(' + ', '.join(a.sql for a in args) + ')'
    return E(text, {'kind': 'call', 'name': name, 'args': [a.json for a in args]})


def infix(name, left, right):
    return call(name, left, right, sql='({0} ' + name.replace('%', '%') + ' {1})')


def cast(child, to):
    return E(f'CAST({child.sql} AS {to})', {'kind': 'cast', 'child': child.json, 'to': type_json(to)})


def try_cast(child, to):
    return E(f'TRY_CAST({child.sql} AS {to})', {'kind': 'cast', 'child': child.json, 'to': type_json(to), 'isTry': True})


def case(branches, otherwise=None):
    text = 'CASE ' + ' '.join(f'WHEN {w.sql} THEN {t.sql}' for w, t in branches) + (f' ELSE {otherwise.sql}' if otherwise else '') + ' END'
    return E(
        text,
        {
            'kind': 'case',
            'branches': [{'when': w.json, 'then': t.json} for w, t in branches],
            'otherwise': otherwise.json if otherwise else None,
        },
    )


def options_sql(options):
    return ', map(' + ', '.join(f"'{k}', {text_literal(v)}" for k, v in options.items()) + ')' if options else ''


def from_json(child, schema, options=None):
    ddl = ', '.join(p.strip().replace(':', ' ', 1) for p in split_top(schema[7:-1]))
    return E(
        f"from_json({child.sql}, '{ddl}'{options_sql(options)})",
        {'kind': 'fromJson', 'child': child.json, 'schema': type_json(schema), 'options': options or {}},
    )


def to_json(child, options=None):
    return E(f'to_json({child.sql}{options_sql(options)})', {'kind': 'toJson', 'child': child.json, 'options': options or {}})


def struct_of(*args):
    return call('struct', *args)


# Running -------------------------------------------------------------------------------------------------------------------------------------


def condition(error):
    """Spark's error condition, without its subclass."""
    found = None
    if isinstance(error, PySparkException):
        found = error.getCondition() if hasattr(error, 'getCondition') else error.getErrorClass()
    if not found:
        match = re.search(r'\[([A-Z][A-Z0-9_.]+)\]', str(error))
        found = match.group(1) if match else None
    if not found and isinstance(error, PySparkException):
        found = type(error).__name__  # an error of Java's own, without a condition
    if not found:
        raise error
    return found


class Family:
    def __init__(self, name):
        self.name = name
        self.cases = []
        self.names = set()
        self.started = time.time()

    def table(self, types, rows, expressions, nullable=None):
        """Expressions over one table: each becomes a case. `expressions`: [(name, E), …]."""
        columns = [f'c{n}' for n in range(len(types))]
        nullable = nullable or [True] * len(types)
        values = ['(' + ', '.join(sql_value(v, t) for v, t in zip(row, types)) + ')' for row in rows]
        source = lambda lines: 'VALUES ' + ', '.join(lines) + ' AS t(' + ', '.join(columns) + ')'  # noqa: E731
        for name, e in expressions:
            if name in self.names:
                name += ' over ' + ', '.join(types)
            assert name not in self.names, name
            self.names.add(name)
            entry = {
                'name': name,
                'sql': e.sql,
                'expression': e.json,
                'schema': [[c, t, n] for c, t, n in zip(columns, types, nullable)],
                'rows': [[encode(v, t) for v, t in zip(row, types)] for row in rows],
            }
            try:
                kind = spark.sql(f'SELECT {e.sql} AS r FROM {source(values[:1])}').schema[0].dataType.simpleString()
            except PySparkException as error:
                entry['analysisError'] = condition(error)
                self.cases.append(entry)
                continue
            entry['resultType'] = kind
            shown = {'timestamp': 'unix_micros({})', 'date': 'unix_date({})'}.get(kind, '{}').format(e.sql)
            run = lambda lines: [encode(r[0], kind) for r in spark.sql(f'SELECT {shown} AS r FROM {source(lines)}').collect()]  # noqa: E731
            try:
                answers = run(values)
            except Exception as all_error:
                condition(all_error)
                answers = []
                for line in values:
                    try:
                        answers += run([line])
                    except Exception as error:
                        answers.append({'error': condition(error)})
            assert len(answers) == len(rows), (name, e.sql)
            entry['answers'] = answers
            self.cases.append(entry)

    def write(self, folder):
        text = '{"spark":"' + spark.version + '","cases":[\n'
        text += ',\n'.join(json.dumps(c, ensure_ascii=False, separators=(',', ':')) for c in self.cases) + '\n]}\n'
        path = os.path.join(folder, f'{self.name}.golden.json')
        with open(path, 'w', encoding='utf-8') as out:
            out.write(text)
        answers = sum(len(c.get('answers', [])) for c in self.cases)
        print(f'{self.name}: {len(self.cases)} cases, {answers} answers, {len(text)} characters, {time.time() - self.started:.0f} s', flush=True)


# Values --------------------------------------------------------------------------------------------------------------------------------------


def f32(x):
    return struct.unpack('f', struct.pack('f', x))[0]


NAN, INF = float('nan'), float('inf')
VALUES = {
    'boolean': [None, True, False],
    'tinyint': [None, 0, 1, -1, 127, -128],
    'smallint': [None, 0, 1, -1, 32767, -32768, 128],
    'int': [None, 0, 1, -1, 2147483647, -2147483648, 32768],
    'bigint': [None, 0, 1, -1, 9223372036854775807, -9223372036854775808, 2147483648, 9007199254740993],
    'float': [None, 0.0, -0.0, 1.5, -2.75, NAN, INF, -INF, f32(3.4028234663852886e38), f32(1.401298464324817e-45), f32(0.1), 16777216.0],
    'double': [None, 0.0, -0.0, 1.5, -2.75, NAN, INF, -INF, 1.7976931348623157e308, 5e-324, 0.1, 1e21, 1e-7, 9.223372036854775807e18, 127.9],
    'decimal(10,2)': [None, '0.00', '12.30', '-0.01', '99999999.99', '-99999999.99', '1.00', '127.99'],
    'decimal(18,0)': [None, '0', '1', '-1', '999999999999999999', '-999999999999999999'],
    'string': [None, '', '1', ' 42 ', 'abc', 'true', '2020-01-01', '-1.5'],
    'binary': [None, b'', b'a', b'\x00\xff', 'grün🙂'.encode()],
    'date': [None, 0, -1, 18262, -719162, 2932896],
    'timestamp': [None, 0, -1, 1, 1577836800123456, -8520336000000000, 8835980399123000, -1500000],
}
TYPES = list(VALUES)
INTEGRAL = ['tinyint', 'smallint', 'int', 'bigint']


def pairs(a, b, most=14):
    """Pairs that show nulls on both sides, equal and unequal values, and both extremes."""
    left, right = VALUES[a], VALUES[b]
    out = []
    for n in range(max(len(left), len(right))):
        out.append((left[n % len(left)], right[n % len(right)]))
    for n in range(1, max(len(left), len(right))):
        out.append((left[n % len(left)], right[(n * 3 + 1) % len(right)]))
        out.append((left[(n + 1) % len(left)], right[n % len(right)]))
    seen, unique = set(), []
    for p in out:
        if repr(p) not in seen:
            seen.add(repr(p))
            unique.append(p)
    return unique[:most]


TEXTS = [None, '', 'a', 'abc', 'ABC', 'Grün', 'GRÜN', 'straße', 'İstanbul', 'ǅ', '日本語', '🙂', 'a🙂b', 'e\u0301', '  pad ', 'a%b', 'a_b', 'a\\b', 'line\nbreak', '\u0000', 'ﬁ', 'ΑΣ', '😀😃😄']

# Families ------------------------------------------------------------------------------------------------------------------------------------


def comparison():
    f = Family('comparison')
    for a in TYPES:
        for b in TYPES:
            same = a == b
            ops = ['=', '<=>', '<', '<=', '>', '>='] if same else ['=', '<']
            f.table([a, b], pairs(a, b, 20 if same else 9), [(f'{a} {op} {b}', infix(op, c0, c1)) for op in ops])
    for t in TYPES:
        f.table([t], [(v,) for v in VALUES[t][:3]], [(f'{t} = NULL', infix('=', c0, NULL)), (f'{t} <=> NULL', infix('<=>', c0, NULL))])
    words = [None, '', 'a', 'A', 'aa', 'b', 'é', 'e\u0301', 'z', '🙂', '\uffff', '日本']
    f.table(['string', 'string'], [(x, y) for x in words for y in words][: 12 * 12], [('strings by bytes', infix('<', c0, c1))])
    return f


def arithmetic():
    f = Family('arithmetic')
    numbers = ['tinyint', 'smallint', 'int', 'bigint', 'float', 'double', 'decimal(10,2)', 'decimal(18,0)']
    for t in numbers:
        rows = pairs(t, t, 22)
        top, low = VALUES[t][4], VALUES[t][5] if not t.startswith(('float', 'double')) else None
        if low is not None:
            rows += [(top, top), (low, low), (low, VALUES[t][3]), (top, low), (top, VALUES[t][2]), (VALUES[t][2], VALUES[t][1]), (low, VALUES[t][2])]
        if t in ('tinyint', 'smallint', 'int', 'bigint'):
            rows += [(7, 3), (-7, 3), (7, -3), (-7, -3), (12, 11)]
        if t in ('float', 'double'):
            rows += [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (1.5, 0.0), (0.1, 0.2) if t == 'double' else (f32(0.1), f32(0.2)), (INF, INF), (INF, -INF), (0.0, INF)]
        if t == 'decimal(10,2)':
            rows += [('7.50', '2.00'), ('-7.50', '2.00'), ('10.00', '3.00'), ('0.05', '0.10'), ('2.00', '3.00')]
        f.table([t, t], rows, [(f'{t} {op} {t}', infix(op, c0, c1)) for op in ['+', '-', '*', '/', '%']])
        f.table([t], [(v,) for v in VALUES[t]], [(f'-{t}', call('negative', c0, sql='(- {0})')), (f'abs {t}', call('abs', c0))])
        if not t.startswith('decimal') and t not in ('float', 'double'):
            f.table([t, t], rows, [(f'{t} div {t}', infix('div', c0, c1))])
    for a in numbers + ['string']:
        for b in numbers + ['string']:
            if a != b:
                f.table([a, b], pairs(a, b, 9), [(f'{a} {op} {b}', infix(op, c0, c1)) for op in ['+', '*', '/']])
    for a in numbers:
        for b in numbers:
            if a != b:
                f.table([a, b], pairs(a, b, 9), [(f'{a} {op} {b}', infix(op, c0, c1)) for op in ['-', '%'] + (['div'] if a in INTEGRAL and b in INTEGRAL else [])])
    for a, b in [('decimal(5,5)', 'decimal(9,4)'), ('decimal(18,4)', 'decimal(4,0)'), ('decimal(9,4)', 'decimal(9,4)'), ('decimal(8,3)', 'decimal(8,0)')]:
        va = [None, '0.00001' if '5,5' in a else '1.5', '-0.99999' if '5,5' in a else '-7.5', '0.5']
        vb = [None, '0', '3', '-7', '1']
        f.table([a, b], [(x, y) for x in va for y in vb], [(f'{a} {op} {b}', infix(op, c0, c1)) for op in ['+', '-', '*', '/', '%']])
    f.table(['int', 'decimal(10,2)'], pairs('int', 'decimal(10,2)', 12), [('int column + 1', infix('+', c0, i(1))), ('decimal * 2', infix('*', c1, i(2))), ('decimal + 1000', infix('+', c1, i(1000)))])
    f.table(['boolean', 'date'], [(True, 0)], [('boolean + 1', infix('+', c0, i(1))), ('null + null', infix('+', NULL, NULL))])
    return f


def boolean():
    f = Family('boolean')
    all3 = [None, True, False]
    rows = [(x, y) for x in all3 for y in all3]
    f.table(['boolean', 'boolean'], rows, [('and', infix('and', c0, c1)), ('or', infix('or', c0, c1)), ('not', call('not', c0, sql='(NOT {0})')),
        ('and null', infix('and', c0, NULL)), ('or null', infix('or', c0, NULL)),
        ('not (and)', call('not', infix('and', c0, c1), sql='(NOT {0})')), ('xor', call('not', infix('<=>', c0, c1), sql='(NOT {0})'))])
    rows3 = [(x, y, z) for x in all3 for y in all3 for z in all3]
    f.table(['boolean'] * 3, rows3, [('a and b or c', infix('or', infix('and', c0, c1), c2)), ('a or b and not c', infix('or', c0, infix('and', c1, call('not', c2, sql='(NOT {0})')))),
        ('case of three', case([(infix('and', c0, c1), i(1)), (infix('or', c1, c2), i(2))], i(3)))])
    f.table(['int', 'int'], [(1, 0), (0, 0), (None, 0), (5, 2), (0, 1)], [
        ('and guards a division', infix('and', call('not', infix('=', c1, i(0)), sql='(NOT {0})'), infix('>', infix('/', c0, c1), lit(0.5, 'double')))),
        ('or guards a division', infix('or', infix('=', c1, i(0)), infix('>', infix('/', c0, c1), lit(0.5, 'double'))))])
    f.table(['string', 'int'], [('true', 1)], [('and of a string', infix('and', c0, c0)), ('not of an int', call('not', c1, sql='(NOT {0})'))])
    return f


def conditional():
    f = Family('conditional')
    rows = [(x, y) for x in [None, True, False] for y in [None, 1, -5]]
    f.table(['boolean', 'int'], rows, [
        ('case without else', case([(c0, c1)])), ('case with else', case([(c0, c1)], i(7))), ('case null else', case([(c0, c1)], NULL)),
        ('case null then', case([(c0, NULL)], c1)), ('case of two', case([(infix('=', c1, i(1)), s('one')), (c0, s('true'))], s('neither'))),
        ('case widens', case([(c0, c1)], lit(5000000000, 'bigint'))), ('case int or double', case([(c0, c1)], lit(0.5, 'double'))),
        ('case int or decimal', case([(c0, c1)], lit('12.30', 'decimal(10,2)'))), ('case int or string', case([(c0, c1)], s('5'))),
        ('case in case', case([(c0, case([(infix('>', c1, i(0)), s('yes'))], s('no')))], s('else'))),
        ('if', call('if', c0, c1, i(-1))), ('nullif', call('nullif', c1, i(1))),
        ('isNull', call('isNull', c1, sql='({0} IS NULL)')), ('isNotNull', call('isNotNull', c1, sql='({0} IS NOT NULL)')),
        ('isNull of a sum', call('isNull', infix('+', c1, i(1)), sql='({0} IS NULL)'))])
    for t in TYPES:
        vs = VALUES[t]
        rows = [(None, None, None), (vs[1], None, vs[2]), (None, vs[2], vs[1]), (None, None, vs[-1]), (vs[-1], vs[1], None)]
        f.table([t, t, t], rows, [(f'coalesce {t}', call('coalesce', c0, c1, c2)), (f'case {t}', case([(call('isNull', c0, sql='({0} IS NULL)'), c1)], c2)),
            (f'isNull {t}', call('isNull', c0, sql='({0} IS NULL)')), (f'isNotNull {t}', call('isNotNull', c1, sql='({0} IS NOT NULL)'))])
    for a, b in [('int', 'bigint'), ('int', 'double'), ('bigint', 'float'), ('int', 'decimal(10,2)'), ('string', 'int'), ('date', 'timestamp'), ('tinyint', 'smallint'), ('boolean', 'int'), ('string', 'date'), ('decimal(10,2)', 'decimal(18,0)'), ('float', 'double')]:
        rows = [(None, VALUES[b][1]), (VALUES[a][2], None), (None, None), (VALUES[a][3 % len(VALUES[a])], VALUES[b][1])]
        f.table([a, b], rows, [(f'coalesce {a} {b}', call('coalesce', c0, c1)), (f'case {a} or {b}', case([(call('isNotNull', c0, sql='({0} IS NOT NULL)'), c0)], c1))])
    f.table(['double'], [(v,) for v in VALUES['double']], [('isnan double', call('isnan', c0)), ('isNull double nan', call('isNull', c0, sql='({0} IS NULL)'))])
    f.table(['int', 'int'], [(1, 0), (None, 0), (6, 2)], [('coalesce is lazy', call('coalesce', c0, infix('div', c0, c1)))])
    return f


CAST_TEXTS = [None, '', ' ', '0', '1', '-1', '+5', ' 42 ', '127', '128', '-129', '32768', '2147483648', '9223372036854775807', '9223372036854775808', '1.5', '-1.9', '.5', '5.', '1e3', '1E-3', '0x1F', '1_000', '1,000', 'abc',
    'true', 'TRUE', 't', 'yes', 'n', 'F', 'NaN', 'nan', 'Infinity', '-inf', '1.0d', '1f', '12.345', '99999999.995', '1e400', '-0.0', '3.4028236e38', '１',
    '2020-01-01', '2020-1-5', '2020', '2020-06', '2020-02-29', '2019-02-29', '2020-13-01', '2020-01-01 12:34:56', '2020-01-01T12:34:56.789', '2020-01-01 12:34:56.123456789', '2020-01-01 12:34:56Z',
    '2020-01-01 12:34:56+02:00', '2020-01-01 12:34:56 America/New_York', '2020-01-01 1:2:3', '2020-01-01 24:00:00', '1969-12-31 23:59:59.999999', '0001-01-01', '-0001-01-01', '20200101', '2020-01-01 junk', 'epoch', ' 2020-01-01 ']


def casts():
    f = Family('cast')
    for a in TYPES:
        vs = [(v,) for v in (CAST_TEXTS if a == 'string' else VALUES[a])]
        if a == 'double':
            vs += [(v,) for v in [1.0, 100.0, 1234567.0, 12345678.9, 0.001, 0.00099, 1e7, 9999999.0, 128.0, -129.5, 2147483647.9, -2147483648.9, 2147483648.0, 1.005, 2.5, 3.5, 1e16, 123456789012345680.0, 99999999.994, 99999999.995, 2e-3, 3.3333333333333335]]
        if a == 'float':
            vs += [(f32(v),) for v in [1.0, 3.3, 1e10, 127.5, -129.0, 1e-5, 1234567.9, 2147483648.0]]
        if a == 'decimal(10,2)':
            vs += [('0.50',), ('-0.50',), ('1.50',), ('2.50',), ('-127.99',), ('128.00',), ('32768.00',)]
        if a == 'timestamp':
            vs += [(86400000000,), (-86400000001,), (1609459199999999,), (1577836800100000,), (1577836800120000,)]
        for b in TYPES + ['decimal(5,3)', 'decimal(18,6)']:
            f.table([a], vs, [(f'cast {a} as {b}', cast(c0, b))])
    f.table(['decimal(18,6)'], [(v,) for v in [None, '0.000000', '1.000000', '-0.000001', '123456789012.345678', '0.500000', '-1.5', '99.9999995'[:9], '2.5']],
        [(f'cast decimal(18,6) as {b}', cast(c0, b)) for b in TYPES + ['decimal(5,3)', 'decimal(4,0)', 'decimal(18,2)']])
    f.table(['int'], [(None,), (1,)], [('cast null as ' + b, cast(NULL, b)) for b in TYPES])
    return f


def try_casts():
    f = Family('try-cast')
    for a in ['string', 'bigint', 'double', 'decimal(10,2)', 'timestamp', 'boolean']:
        vs = [(v,) for v in (CAST_TEXTS if a == 'string' else VALUES[a])]
        for b in ['boolean', 'tinyint', 'int', 'bigint', 'double', 'decimal(5,3)', 'date', 'timestamp', 'string']:
            f.table([a], vs, [(f'try_cast {a} as {b}', try_cast(c0, b))])
    f.table(['string', 'int'], [('x', 1), ('2', 1), (None, 1)], [('coalesce of try_cast', call('coalesce', try_cast(c0, 'int'), c1)), ('sum with try_cast', infix('+', c1, try_cast(c0, 'int')))])
    return f


def membership():
    f = Family('membership')
    f.table(['int'], [(v,) for v in [None, 1, 2, 3, -1, 2147483647]], [
        ('in list', call('in', c0, i(1), i(3), sql='({0} IN ({1}, {2}))')), ('in with null', call('in', c0, i(1), NULL, sql='({0} IN ({1}, {2}))')),
        ('in one', call('in', c0, i(2), sql='({0} IN ({1}))')), ('not in', call('not', call('in', c0, i(1), i(3), sql='({0} IN ({1}, {2}))'), sql='(NOT {0})')),
        ('not in with null', call('not', call('in', c0, i(1), NULL, sql='({0} IN ({1}, {2}))'), sql='(NOT {0})')),
        ('in longs', call('in', c0, lit(1, 'bigint'), lit(9223372036854775807, 'bigint'), sql='({0} IN ({1}, {2}))')),
        ('in doubles', call('in', c0, lit(1.0, 'double'), lit(2.5, 'double'), sql='({0} IN ({1}, {2}))')),
        ('in strings', call('in', c0, s('1'), s('2'), sql='({0} IN ({1}, {2}))')), ('in bad strings', call('in', c0, s('1'), s('x'), sql='({0} IN ({1}, {2}))')),
        ('in many', call('in', c0, *[i(n) for n in range(2, 40)], sql='({0} IN (' + ', '.join('{%d}' % n for n in range(1, 39)) + '))')),
        ('between', call('between', c0, i(1), i(2), sql='({0} BETWEEN {1} AND {2})')), ('between reversed', call('between', c0, i(2), i(1), sql='({0} BETWEEN {1} AND {2})')),
        ('between null', call('between', c0, NULL, i(2), sql='({0} BETWEEN {1} AND {2})')), ('not between', call('not', call('between', c0, i(1), i(2), sql='({0} BETWEEN {1} AND {2})'), sql='(NOT {0})'))])
    for t in TYPES:
        vs = VALUES[t]
        f.table([t, t, t], [(vs[n % len(vs)], vs[(n + 1) % len(vs)], vs[(n * 2) % len(vs)]) for n in range(len(vs) + 1)] + [(vs[-1], vs[-1], vs[-1])], [
            (f'in {t}', call('in', c0, c1, c2, sql='({0} IN ({1}, {2}))')), (f'between {t}', call('between', c0, c1, c2, sql='({0} BETWEEN {1} AND {2})'))])
    for a, b, c in [('int', 'bigint', 'smallint'), ('int', 'double', 'int'), ('int', 'decimal(10,2)', 'bigint'), ('decimal(10,2)', 'decimal(18,0)', 'int'), ('float', 'double', 'int'), ('string', 'int', 'int'), ('string', 'date', 'string'), ('timestamp', 'date', 'timestamp'), ('date', 'string', 'string'), ('string', 'string', 'double'), ('boolean', 'string', 'boolean'), ('int', 'date', 'int')]:
        va, vb, vc = VALUES[a], VALUES[b], VALUES[c]
        f.table([a, b, c], [(va[n % len(va)], vb[(n * 3 + 1) % len(vb)], vc[(n * 2 + 2) % len(vc)]) for n in range(9)], [
            (f'in {a} {b} {c}', call('in', c0, c1, c2, sql='({0} IN ({1}, {2}))')), (f'between {a} {b} {c}', call('between', c0, c1, c2, sql='({0} BETWEEN {1} AND {2})'))])
    f.table(['string'], [(v,) for v in [None, '', 'a', 'b', 'é', '🙂']], [('in texts', call('in', c0, s('a'), s('🙂'), s(''), sql='({0} IN ({1}, {2}, {3}))'))])
    f.table(['double'], [(v,) for v in VALUES['double']], [('in nan and zero', call('in', c0, lit(NAN, 'double'), lit(0.0, 'double'), sql='({0} IN ({1}, {2}))')), ('double between', call('between', c0, lit(-1.0, 'double'), lit(INF, 'double'), sql='({0} BETWEEN {1} AND {2})'))])
    return f


def strings():
    f = Family('string')
    rows = [(t,) for t in TEXTS]
    f.table(['string'], rows, [('length', call('length', c0)), ('upper', call('upper', c0)), ('lower', call('lower', c0)), ('trim', call('trim', c0)),
        ('concat one', call('concat', c0)), ('concat literal', call('concat', c0, s('-'), c0)), ('concat null', call('concat', c0, NULL)), ('concat int', call('concat', c0, i(5)))])
    f.table(['string', 'string'], [(x, y) for x in [None, '', 'a', '🙂', 'é'] for y in [None, '', 'b', '日本']], [('concat two', call('concat', c0, c1)), ('contains', call('contains', c0, c1)), ('startswith', call('startswith', c0, c1)), ('endswith', call('endswith', c0, c1))])
    f.table(['string', 'string'], [('abc', 'b'), ('abc', ''), ('abc', 'abcd'), ('', ''), ('a🙂b', '🙂'), ('grün', 'ü'), ('aaa', 'aa'), (None, 'a'), ('a', None), ('abc', 'abc'), ('abc', 'c'), ('abc', 'a')],
        [('contains more', call('contains', c0, c1)), ('startswith more', call('startswith', c0, c1)), ('endswith more', call('endswith', c0, c1))])
    for t in ['int', 'bigint', 'double', 'boolean', 'decimal(10,2)', 'date', 'timestamp', 'binary']:
        f.table([t], [(v,) for v in VALUES[t]], [(f'concat with {t}', call('concat', s('<'), c0, s('>'))), (f'length of {t}', call('length', c0)), (f'upper of {t}', call('upper', c0))])
    f.table(['binary', 'binary'], [(x, y) for x in VALUES['binary'][:4] for y in VALUES['binary'][:4]], [('concat binary', call('concat', c0, c1))])
    positions = [0, 1, 2, 3, -1, -2, -10, 10, 2147483647, -2147483648, None]
    lengths = [0, 1, 2, 100, -1, 2147483647, None]
    f.table(['string', 'int', 'int'], [(t, p, n) for t in ['hello', 'a🙂日b', ''] for p in positions for n in lengths], [('substring', call('substring', c0, c1, c2))])
    f.table(['string', 'int'], [(t, p) for t in ['hello', 'a🙂日b', '', None] for p in positions], [('substring to the end', call('substring', c0, c1))])
    f.table(['binary', 'int', 'int'], [(t, p, n) for t in [b'hello', b'\x00\xff\x01', b''] for p in [0, 1, 2, -2, -9, 9, None] for n in [0, 1, 100, -1, None]], [('substring of binary', call('substring', c0, c1, c2))])
    subjects = [None, '', 'a', 'abc', 'a%b', 'a_b', 'ab', 'aXb', 'a\\b', 'a🙂b', 'line\nbreak', 'ABC', '%', '.*', 'a.c']
    for pattern in ['', '%', '_', 'a%', '%b', 'a_b', '%b%', 'a\\%b', 'a\\_b', '_%_', 'abc', '%%', 'a🙂b', '.*', '%\n%', 'a\\\\b', 'a%c', '__']:
        f.table(['string'], [(v,) for v in subjects], [(f'like {json.dumps(pattern)}', call('like', c0, s(pattern), sql='({0} LIKE {1})'))])
    f.table(['string'], [(v,) for v in subjects], [("like with escape /", call('like', c0, s('a/%b'), s('/'), sql='({0} LIKE {1} ESCAPE {2})')), ('like null', call('like', c0, NULL, sql='({0} LIKE {1})')), ('not like', call('not', call('like', c0, s('a%'), sql='({0} LIKE {1})'), sql='(NOT {0})'))])
    for pattern in ['a\\', 'a\\b', '\\a%', '%\\', '\\\\', '\\%', '_🙂_', '%é', '[a-z]%', '^a', 'a$']:
        f.table(['string'], [(v,) for v in subjects], [(f'like more {json.dumps(pattern)}', call('like', c0, s(pattern), sql='({0} LIKE {1})'))])
    for pattern, escape in [('a#%b', '#'), ('a##b', '#'), ('a#b', '#'), ('a#', '#'), ('a%%b', '%'), ('a__b', '_'), ('a\\%', '#')]:
        f.table(['string'], [(v,) for v in subjects + ['a#b', 'a%', 'a\\%']], [(f'like {json.dumps(pattern)} escape {escape}', call('like', c0, s(pattern), s(escape), sql='({0} LIKE {1} ESCAPE {2})'))])
    for t in ['tinyint', 'smallint', 'bigint', 'float', 'double', 'boolean', 'decimal(10,2)', 'date', 'timestamp', 'binary']:
        f.table([t], [(v,) for v in VALUES[t]], [(f'lower of {t}', call('lower', c0)), (f'like of {t}', call('like', c0, s('%1%'), sql='({0} LIKE {1})')), (f'substring of {t} to the end', call('substring', c0, i(2))), (f'trim of {t}', call('trim', c0))])
    f.table(['string', 'bigint', 'string'], [('hello', 2, '3'), ('hello', None, '1'), ('hello', 4294967297, '1'), ('hello', 1, 'x'), (None, 1, '1')], [('substring by a bigint', call('substring', c0, c1)), ('substring by a string', call('substring', c0, c2)), ('substring by both', call('substring', c0, c2, c1))])
    f.table(['string', 'int', 'string'], [('a', 1, 'b'), (None, 1, 'b'), ('', None, '')], [('concat of three', call('concat', c0, c1, c2)), ('concat of five', call('concat', c2, s('🙂'), c1, c0, lit(1.5, 'double')))])
    f.table(['string', 'int', 'string'], [('abc', 1, 'b')], [('length of two', call('length', c0, c1)), ('upper of nothing', call('upper')), ('like an int', call('like', c0, c1, sql='({0} LIKE {1})'))])
    f.table(['string', 'string'], [('abc', 'a%'), ('abc', '_'), (None, 'a'), ('a', None), ('a%', 'a\\%'), ('', ''), ('ab', 'a_'), ('a', 'a\\'), ('a', 'a\\b')], [('like column', call('like', c0, c1, sql='({0} LIKE {1})'))])
    return f


def encoding():
    f = Family('encoding')
    blobs = [None, b'', b'a', b'ab', b'abc', b'abcd', bytes(range(256)), b'\xff\xfe', 'grün🙂'.encode(), b'x' * 100]
    f.table(['binary'], [(b,) for b in blobs], [('base64', call('base64', c0)), ('unbase64 of base64', call('unbase64', call('base64', c0)))])
    sizes = [(bytes(n % 251 for n in range(size)),) for size in [55, 56, 57, 58, 59, 60, 113, 114, 115, 171, 172, 500]]
    f.table(['binary'], sizes, [('base64 by lines', call('base64', c0)), ('unbase64 of lines', call('unbase64', call('base64', c0)))])
    spark.conf.set('spark.sql.chunkBase64String.enabled', 'false')
    f.table(['binary'], [(b,) for b in blobs] + sizes, [('base64 unbroken', call('base64Unbroken', c0, sql='base64({0})'))])
    spark.conf.unset('spark.sql.chunkBase64String.enabled')
    f.table(['string'], [(t,) for t in ['', 'hello', 'grün', None]], [('base64 of string', call('base64', c0))])
    for t in ['int', 'boolean', 'double', 'date', 'timestamp']:
        f.table([t], [(v,) for v in VALUES[t][:3]], [(f'base64 of {t}', call('base64', c0)), (f'unbase64 of {t}', call('unbase64', c0))])
    f.table(['string'], [(t,) for t in [None, '', 'YQ==', 'YWI=', 'YWJj', 'YQ', 'YWI', 'YW Jj', 'YWJj\r\nYWJj', '====', 'Y', 'YQ=', '_-8=', '+/8=', '@@@@', 'YWJj!', 'YWJ=Yg==', 'ÄÖ==', 'YQ===', '=YQ=', 'YR==']], [('unbase64', call('unbase64', c0)), ('length of unbase64', call('length', call('unbase64', c0)))])
    return f


JSON_TEXTS = [None, '', ' ', '{}', '{"a":1,"b":"x"}', '{"a":1}', '{"b":"x","a":1}', '{"a":1,"b":"x","c":[1,{"z":2}],"d":{"e":null}}', '{"a":"1","b":2}', '{"a":1.5,"b":true}', '{"a":1.0,"b":null}', '{"a":null,"b":""}',
    '{"a":2147483648,"b":"x"}', '{"a":-2147483648,"b":"x"}', '{"a":1e2,"b":1e2}', '{"a":01,"b":"x"}', '{"a":1,"b":"x"', '{"a":1,"b":"x"}}', '{"a":1,"b":"x"} trailing', '{"a":1,}', "{'a':1,'b':'x'}", '{a:1}', 'null', '1', '"text"', '[]', '[{"a":1,"b":"x"}]', '[{"a":1},{"a":2}]', 'true',
    '{"a":1,"a":2,"b":"x"}', '{"A":1,"B":"x"}', '{"a":1,"b":"\\u00e9\\n\\t\\"\\\\\\/"}', '{"a":1,"b":"\\ud83d\\ude42"}', '{"a":1,"b":"\\ud83d"}', '{"a":1,"b":"grün 🙂"}', '{"a":1,"b":{"x": 1, "y":[true , null]}}', '{"a":1,"b":[1, 2]}', '{"a":1,"b":12345678901234567890.12}', '  {"a" : 1 , "b" : "x" }  ', '{"a":1,"b":"x\ny"}', '{"a":+1}', '{"a":.5}', '{"a":1 /* c */}', '{"a":-0,"b":-0}', '{"a":true,"b":"x"}', '{"a":[1],"b":"x"}', '{"a":{"x":1},"b":"x"}', '{"":1,"a":3}', 'not json', '{"a":1,"b":"\\x"}', '{"a":99999999999999999999,"b":"y"}', '\ufeff{"a":1}', '{"a":1,"b":"it\\\'s"}', "{'a':1,'b':'it\\'s'}", '{"a":1,"b":"\\u12"}', '{"a":1,"b":"\\u00e"}', '{"a":1,"b":"x\\"}', '{"a":1,"b\\u0061":"x"}', '{"\\u0061":1,"b":"x"}', '{"\\x":1,"a":2,"b":"x"}', '{"a":1,"b":"tab\there"}', '{"a":1,"b":"x"}{"a":2}', '{"a":1,"b":"x"}\n', '\n{"a":1,\n"b":"x"}', '{"a":1;"b":"x"}', '{"a" 1}', '{"a":}', '{:1}', '{"a":1 "b":"x"}', '[1]', '[{"a":1,"b":"x"},2]', '[{"a":1,"b":"x"}', '[[{"a":1}]]', '{"a":0x1}', '{"a":1L}', '{"a":"0x1"}', '{"a":"","b":""}', '{"a":" 1 "}', '{"a":"1.0"}', '{"b":nul}', '{"b":truee}', '{"a":1,"b":"x"} {']


def from_jsons():
    f = Family('from-json')
    rows = [(t,) for t in JSON_TEXTS]
    flat = 'struct<a:int,b:string>'
    f.table(['string'], rows, [('flat permissive', from_json(c0, flat)), ('flat failfast', from_json(c0, flat, {'mode': 'FAILFAST'})), ('flat dropmalformed', from_json(c0, flat, {'mode': 'DROPMALFORMED'})),
        ('field of from_json', E(f'from_json(c0, \'a int, b string\').a', {'kind': 'field', 'child': from_json(c0, flat).json, 'name': 'a'})),
        ('is null of from_json', call('isNull', from_json(c0, flat), sql='({0} IS NULL)'))])
    f.table(['string'], rows[:20], [('corrupt record column', from_json(c0, 'struct<a:int,b:string,_corrupt_record:string>'))])
    f.table(['string'], rows[20:], [('corrupt record column, more', from_json(c0, 'struct<a:int,b:string,_corrupt_record:string>'))])
    f.table(['string'], rows, [('corrupt record first, by another name', from_json(c0, 'struct<bad:string,b:string,a:int>', {'columnNameOfCorruptRecord': 'bad'})), ('one field', from_json(c0, 'struct<a:string>')), ('corrupt record alone', from_json(c0, 'struct<_corrupt_record:string>')), ('corrupt record failfast', from_json(c0, 'struct<a:int,_corrupt_record:string>', {'mode': 'FAILFAST'}))])
    nested = 'struct<id:bigint,p:struct<x:double,q:struct<s:string,t:boolean>>>'
    f.table(['string'], [(t,) for t in [None, '{}', '{"id":1}', '{"id":1,"p":{}}', '{"id":1,"p":null}', '{"id":1,"p":{"x":1,"q":{"s":"v","t":true}}}', '{"p":{"q":{"t":false,"s":"🙂"},"x":-1.5e3},"id":9007199254740993}', '{"id":1,"p":5}', '{"id":1,"p":[1]}', '{"id":1,"p":{"x":"1","q":{"s":1,"t":"true"}}}', '{"id":1,"p":{"x":2,"q":[]}}', '{"id":9223372036854775807,"p":{"x":1e400}}', '{"id":9223372036854775808,"p":{"x":3}}', '{"id":1,"p":{"x":"NaN"}}', '{"id":1,"p":{"x":NaN,"q":{"s":"a"}}}', '{"id":1,"p":{"x":"Infinity"}}', '{"id":1,"p":{"x":-Infinity}}', '{"id":1,"p":{"q":{"s":{"raw": 1},"t":null}}}', '{"id":1,"p":{"x":1}', '{"id":1,"unknown":{"p":{"x":1}},"p":{"x":2,"more":[[]]}}', '{"id":"1"}', '{"id":1.0}', '{"id":1e2}']], [('nested', from_json(c0, nested)), ('nested failfast', from_json(c0, nested, {'mode': 'FAILFAST'}))])
    deep = 'struct<a:struct<b:struct<c:struct<d:int>>>,e:struct<f:string,g:bigint>,_corrupt_record:string>'
    f.table(['string'], [(t,) for t in ['{"a":{"b":{"c":{"d":1}}},"e":{"f":"x","g":2}}', '{"a":{"b":{"c":{"d":"1"}}},"e":{"f":"x","g":2}}', '{"a":{"b":{"c":null}},"e":null}', '{"a":{"b":[{"c":{"d":1}}]},"e":{"g":1.5,"f":[1]}}', '{"a":{"b":{"c":{"d":1}}', '{"e":{"g":"x","f":"y"},"a":{}}', '{"e":{"f":{"f":{"f":1}}}}', None, '[]', '{"e":[{"f":"x"}]}']], [('deep', from_json(c0, deep)), ('deep failfast', from_json(c0, deep.replace(',_corrupt_record:string', ''), {'mode': 'FAILFAST'})), ('field of deep', E("from_json(c0, 'a struct<b:struct<c:int>>').a.b.c", {'kind': 'field', 'child': {'kind': 'field', 'child': {'kind': 'field', 'child': from_json(c0, 'struct<a:struct<b:struct<c:int>>>').json, 'name': 'a'}, 'name': 'b'}, 'name': 'c'}))])
    for kind, texts in {
        'boolean': ['true', 'false', 'null', '"true"', '1', '0', '"x"'],
        'tinyint': ['127', '128', '-128', '1.0', '"1"', 'true', '-0', '300', '1e1'],
        'smallint': ['32767', '32768', '-32769', '1.5', '7'],
        'int': ['2147483647', '2147483648', '1.0', '1e5', '"5"', '-7'],
        'bigint': ['9223372036854775807', '9223372036854775808', '-9223372036854775808', '1.0', '"5"', '9007199254740993', '0'],
        'float': ['1.5', '0.1', '1e39', '-0.0', '"1.5"', '3', '"NaN"', '16777217', 'true', '1e-50', '"-Infinity"', '"+INF"', '"-INF"', '"INF"'],
        'double': ['1.5', '0.1', '1e400', '-0.0', '"1.5"', '3', '"NaN"', 'NaN', '"Infinity"', 'true', '1E5', '4.9e-324', '0.1234567890123456789', '123456789012345678', '{}', '"+Infinity"', 'Infinity'],
        'decimal(10,2)': ['12.30', '12.345', '12.355', '-0.005', '99999999.99', '100000000', '1e3', '"12.5"', '"abc"', 'null', '0', 'true'],
        'decimal(18,6)': ['0.1234565', '123456789012.345678', '1234567890123', '-1e-6', '5e-7'],
        'string': ['"x"', '1', '1.50', 'true', 'null', '{"a": 1}', '[1, "b"]', '""', '1e5', '-0.0', '12345678901234567890', '"\\u0041\\u00e9"', '{"b" : {"c":[ ]}}', '1.0E+2', '{"k":"\\u00e9\\n"}'],
        'binary': ['"YWJj"', '"abc"', '""', 'null', '1', '"!!"'],
        'date': ['"2020-01-01"', '"2020-1-1"', '"1969-12-31"', '"2020-02-30"', '18262', 'null', '""', '"2020-01-01T10:00:00"', '"2020-01-01 10:00:00"', '"0001-01-01"', '"x"', '1.5'],
        'timestamp': ['"2020-01-01T12:34:56.789Z"', '"2020-01-01 12:34:56"', '"2020-01-01"', '"2020-01-01T12:34:56+02:00"', '"1969-12-31T23:59:59.999999Z"', '0', '1577836800', '-1', '"x"', 'null', '1.5', '""', '"2020-01-01T12:34:56.123456"', '"2020-01-01T12:34:56"', '"2020-01-01T12:34"', '"2020-13-01T00:00:00"'],
    }.items():
        f.table(['string'], [('{"v":' + t + ',"w":1}',) for t in texts], [(f'json {kind}', from_json(c0, f'struct<v:{kind},w:int>')), (f'json {kind} failfast', from_json(c0, f'struct<v:{kind},w:int>', {'mode': 'FAILFAST'}))])
    f.table(['string'], [(t,) for t in ["{'v':'x'}", '{"v":01}', '{v:"x"}', '{"v":"a"/*c*/}', '{"v":"x"}']], [
        ('json no single quotes', from_json(c0, 'struct<v:string>', {'allowSingleQuotes': 'false'})), ('json leading zeros', from_json(c0, 'struct<v:int>', {'allowNumericLeadingZeros': 'true'})),
        ('json unquoted names', from_json(c0, 'struct<v:string>', {'allowUnquotedFieldNames': 'true'})), ('json primitives as strings', from_json(c0, 'struct<v:string>', {'primitivesAsString': 'true'})), ('json comments', from_json(c0, 'struct<v:string>', {'allowComments': 'true'}))])
    f.table(['string'], [(t,) for t in ['{"v":"2020-01-01"}', '{"v":"01/02/2020"}', '{"v":"01/02/2020 10:11"}']], [
        ('json date format', from_json(c0, 'struct<v:date>', {'dateFormat': 'dd/MM/yyyy'})), ('json timestamp format', from_json(c0, 'struct<v:timestamp>', {'timestampFormat': 'dd/MM/yyyy HH:mm'}))])
    return f


def to_jsons():
    f = Family('to-json')
    for t in TYPES:
        vs = [v for v in VALUES[t]] + ({'double': [1.0, 100.0, 1e7, 1e-3, 12345678.9, 3.3333333333333335], 'string': TEXTS[1:] + ['"quoted"', 'tab\there', '\u0001\u001f', '\u2028', '</script>', '/']}.get(t, []))
        f.table([t], [(v,) for v in vs], [(f'to_json {t}', to_json(struct_of(c0))), (f'to_json {t} keeping nulls', to_json(struct_of(c0), {'ignoreNullFields': 'false'}))])
    f.table(['int', 'string', 'double'], [(1, 'x', 1.5), (None, None, None), (0, '', None), (-5, '🙂', NAN)], [('to_json of three', to_json(struct_of(c0, c1, c2))), ('to_json keeping nulls', to_json(struct_of(c0, c1, c2), {'ignoreNullFields': 'false'}))])
    f.table(['struct<x:int,y:struct<z:string>>', 'int'], [({'x': 1, 'y': {'z': 'v'}}, 1), ({'x': None, 'y': {'z': None}}, 2)], [('to_json nested', to_json(struct_of(c0, c1))), ('to_json of a column', to_json(c0)), ('nested keeping nulls', to_json(struct_of(c0, c1), {'ignoreNullFields': 'false'}))])
    f.table(['string'], [(t,) for t in ['{"a":1,"b":"x"}', '{"b":"\\u0041"}', None, 'bad']], [('to_json of from_json', to_json(from_json(c0, 'struct<a:int,b:string>')))])
    f.table(['timestamp', 'date'], [(1577836800123456, 18262), (-1, -1)], [('to_json formats', to_json(struct_of(c0, c1), {'timestampFormat': 'yyyy/MM/dd HH:mm:ss', 'dateFormat': 'dd.MM.yyyy'}))])
    f.table(['int'], [(1,)], [('to_json of an int', to_json(c0))])
    return f


def hashes():
    f = Family('hash')
    for t in TYPES:
        vs = list(VALUES[t]) + ({'string': TEXTS[1:] + ['x' * n for n in (3, 4, 5, 7, 8, 9, 15, 16, 31, 32, 33, 63, 64, 65, 100)], 'binary': [bytes(range(n)) for n in (3, 4, 7, 8, 31, 32, 33, 64)] + [b'\xff' * 37]}.get(t, []))
        f.table([t], [(v,) for v in vs], [(f'hash {t}', call('hash', c0)), (f'xxhash64 {t}', call('xxhash64', c0))])
    wide = ['boolean', 'tinyint', 'smallint', 'float', 'double', 'decimal(10,2)', 'date', 'timestamp', 'binary']
    every = [col(f'c{n}') for n in range(len(wide))]
    f.table(wide, [tuple(VALUES[t][n % len(VALUES[t])] for t in wide) for n in range(14)], [('hash of all kinds', call('hash', *every)), ('xxhash64 of all kinds', call('xxhash64', *every))])
    f.table(['struct<x:int,y:struct<z:string,u:bigint>>'], [(v,) for v in [None, {'x': 1, 'y': {'z': 'a', 'u': 5}}, {'x': None, 'y': {'z': None, 'u': None}}, {'x': 1, 'y': {'z': None, 'u': 5}}]], [('hash of a nested struct', call('hash', c0)), ('xxhash64 of a nested struct', call('xxhash64', c0))])
    f.table(['decimal(30,5)'], [(v,) for v in [None, '0.00000', '1.00000', '-1.00000', '1234567890123456789012345.67890']], [('hash decimal(30,5)', call('hash', c0)), ('xxhash64 decimal(30,5)', call('xxhash64', c0))])
    f.table(['int', 'string', 'bigint'], [(1, 'a', 2), (None, 'a', 2), (1, None, None), (None, None, None), (0, '', 0)], [('hash of three', call('hash', c0, c1, c2)), ('xxhash64 of three', call('xxhash64', c0, c1, c2)), ('hash of struct', call('hash', struct_of(c0, c1))), ('xxhash64 of struct', call('xxhash64', struct_of(c0, c1, c2))), ('hash of null', call('hash', NULL)), ('hash then mod', infix('%', call('hash', c1), i(10)))])
    return f


def numeric():
    f = Family('numeric')
    for t in TYPES:
        vs = VALUES[t]
        rows = pairs(t, t, 16)
        f.table([t, t], rows, [(f'least {t}', call('least', c0, c1)), (f'greatest {t}', call('greatest', c0, c1))])
        f.table([t, t, t], [(vs[n % len(vs)], vs[(n * 2 + 1) % len(vs)], vs[(n + 3) % len(vs)]) for n in range(len(vs))], [(f'least of three {t}', call('least', c0, c1, c2))])
    for a, b in [('int', 'bigint'), ('int', 'double'), ('int', 'decimal(10,2)'), ('string', 'int'), ('date', 'timestamp'), ('float', 'double')]:
        f.table([a, b], pairs(a, b, 8), [(f'least {a} {b}', call('least', c0, c1)), (f'greatest {a} {b}', call('greatest', c0, c1))])
    more = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 1.005, 2.675, 1.115, 0.125, 123456.789, 1e15 + 0.5, 1e16, 0.49999999999999994, 1e-10, 5e-324, 4.35]
    for t in ['tinyint', 'smallint', 'int', 'bigint', 'float', 'double', 'decimal(10,2)', 'decimal(18,0)']:
        vs = list(VALUES[t])
        vs += {'double': more, 'float': [f32(v) for v in more[:11]], 'decimal(10,2)': ['0.50', '1.50', '-0.50', '-1.50', '2.45', '99999999.50', '0.05', '12.35'], 'int': [5, 15, 25, -5, -15, 14, 149, 2147483645], 'bigint': [5, 15, -15, 149], 'tinyint': [125, 5, 15], 'smallint': [5, 32765]}.get(t, [])
        rows = [(v,) for v in vs]
        f.table([t], rows, [(f'round {t}', call('round', c0))] + [(f'round {t} {d}', call('round', c0, i(d))) for d in ([2, 1, -1, -2, -3, 20] if t in ('double', 'decimal(10,2)') else [2, -1, -2])])
        f.table([t], rows, [(f'floor {t}', call('floor', c0)), (f'ceil {t}', call('ceil', c0))])
    for t, vs in {'decimal(18,6)': [None, '0.000000', '0.500000', '-0.500000', '123456789012.345678', '999999999999.999999', '-2.500000', '0.000005', '0.0000045'[:8], '1.234565'], 'decimal(18,18)': [None, '0.500000000000000000', '0.999999999999999999', '-0.000000000000000001'], 'decimal(5,0)': [None, '5', '15', '25', '-5', '-15', '99999', '14999']}.items():
        f.table([t], [(v,) for v in vs], [(f'round {t}', call('round', c0))] + [(f'round {t} {d}', call('round', c0, i(d))) for d in [1, 5, 6, 17, -1, -3, -5, -20]] + [(f'floor {t}', call('floor', c0)), (f'ceil {t}', call('ceil', c0))])
    f.table(['bigint'], [(v,) for v in [9223372036854775807, -9223372036854775808, 9223372036854775804, 5000000000000000000, 15, -25]], [(f'round of large {d}', call('round', c0, i(d))) for d in [0, -1, -2, -18, -19, -20]])
    f.table(['double'], [(v,) for v in [1e300, 123456789.123456789, 0.1 + 0.2, 1e-300, 2.5e15, 1.7976931348623157e308, -0.4, 0.4]], [(f'round of extremes {d}', call('round', c0, i(d))) for d in [0, 5, 15, 300, -5, -308, -400]])
    f.table(['int', 'bigint', 'decimal(10,2)', 'double'], [(1, 2, '1.50', 0.5), (None, 2, None, NAN), (None, None, None, None), (7, -7, '-7.00', -INF)], [('least of four kinds', call('least', c0, c1, c2, c3)), ('greatest of four kinds', call('greatest', c0, c1, c2, c3)), ('greatest of decimal and bigint', call('greatest', c2, c1)), ('greatest with a null', call('greatest', c0, NULL, c1)), ('least of one', call('least', c0)), ('greatest of int and string', call('greatest', c0, s('9')))])
    f.table(['string'], [('1.5',), (None,), ('x',)], [('round string', call('round', c0))])
    return f


def times():
    f = Family('time')
    stamps = VALUES['timestamp'] + [999999, 1000000, 59999999, 60000000, -60000001, 1577836859999999]
    f.table(['timestamp'], [(v,) for v in stamps], [('unixSeconds', call('unixSeconds', c0, sql='unix_seconds({0})')), ('unixMillis', call('unixMillis', c0, sql='unix_millis({0})')), ('unixMicros', call('unixMicros', c0, sql='unix_micros({0})'))])
    f.table(['bigint'], [(v,) for v in [None, 0, 1, -1, 1577836800, -8520336000]], [('timestampSeconds', call('timestampSeconds', c0, sql='timestamp_seconds({0})')), ('timestampMillis', call('timestampMillis', c0, sql='timestamp_millis({0})')), ('timestampMicros', call('timestampMicros', c0, sql='timestamp_micros({0})'))])
    f.table(['double'], [(v,) for v in [None, 0.0, 1.5, -1.5, 1577836800.123456, NAN]], [('timestampSeconds of double', call('timestampSeconds', c0, sql='timestamp_seconds({0})'))])
    for unit, micros in [('MICROSECOND', 1), ('MILLISECOND', 1000), ('SECOND', 1_000_000), ('MINUTE', 60_000_000), ('HOUR', 3_600_000_000), ('DAY', 86_400_000_000), ('WEEK', 604_800_000_000)]:
        for n in [1, -1, 0, 1500, -90]:
            shifted = E(f'timestampadd({unit}, {n}, c0)', call('timestampAdd', c0, lit(float(n * micros), 'double')).json)
            f.table(['timestamp'], [(v,) for v in stamps + [-9007199254740000, 8100000000000000]], [(f'timestampAdd {n} {unit}', shifted)])
    shifted = E("timestampadd(HOUR, 1, c0)", call('timestampAdd', c0, lit(3.6e9, 'double')).json)
    f.table(['date'], [(v,) for v in VALUES['date']], [('timestampAdd to a date', shifted)])
    f.table(['int'], [(1,)], [('currentTimestamp is a timestamp', call('isNotNull', call('currentTimestamp', sql='current_timestamp()'), sql='({0} IS NOT NULL)'))])
    SECOND = 1000000
    shapes = [(10, 10, 0), (10, 10, 5), (10, 5, 0), (10, 5, 2), (10, 3, 0), (60, 60, 15), (86400, 86400, 0), (604800, 604800, 0), (0.01, 0.01, 0), (7, 7, 3), (10, 3, 1), (10, 10, -5), (30, 10, 0)]
    inputs = [0, -1, 1, 5 * SECOND, 9999999, 10 * SECOND, 12345678, -5 * SECOND, -10 * SECOND, -10000001, 1577836799999999, 1577836800000000, -8520336000000000, None]
    text = lambda n: f"'{n} seconds'" if float(n).is_integer() else f"'{int(n * 1000)} milliseconds'"  # noqa: E731
    for size, slide, start in shapes:
        sql = f'window(c0, {text(size)}, {text(slide)}, {text(start)})' if slide != size or start else f'window(c0, {text(size)})'
        kind = 'struct<start:timestamp,end:timestamp>'
        answers = []
        for t in inputs:
            rows = spark.sql(f"SELECT w.start AS s, w.end AS e FROM (SELECT {sql} AS w FROM VALUES ({sql_value(t, 'timestamp')}) AS t(c0)) ORDER BY w.start").collect()
            answers.append([{'start': encode(r.s, 'timestamp'), 'end': encode(r.e, 'timestamp')} for r in rows])
        f.cases.append({'name': f'window {size} s every {slide} s from {start} s', 'sql': sql,
            'expression': {'kind': 'window', 'time': c0.json, 'sizeMicros': int(size * SECOND), 'slideMicros': int(slide * SECOND), 'startMicros': int(start * SECOND)},
            'schema': [['c0', 'timestamp', True]], 'rows': [[t] for t in inputs], 'answers': answers, 'resultType': kind})
    for size, slide, start in [(10, 10, 0), (10, 5, 2), (0.01, 0.01, 0)]:
        sql = f'window(c0, {text(size)}, {text(slide)}, {text(start)})'
        shape = {'kind': 'window', 'time': c0.json, 'sizeMicros': int(size * SECOND), 'slideMicros': int(slide * SECOND), 'startMicros': int(start * SECOND)}
        answers = []
        for t in inputs:
            rows = spark.sql(f"SELECT unix_micros(window_time(w)) AS e FROM (SELECT {sql} AS w FROM VALUES ({sql_value(t, 'timestamp')}) AS t(c0)) ORDER BY w.start").collect()
            answers.append([encode(r.e, 'bigint') for r in rows])
        f.cases.append({'name': f'window_time {size} s every {slide} s from {start} s', 'sql': f'window_time({sql})', 'expression': {'kind': 'call', 'name': 'windowTime', 'args': [shape]},
            'schema': [['c0', 'timestamp', True]], 'rows': [[t] for t in inputs], 'answers': answers, 'resultType': 'timestamp'})
    for seed in [0, 1, 42, -1, 123456789012345, 2147483648]:
        rows = spark.range(0, 20, 1, 1).selectExpr(f'rand({seed}) AS r').collect()
        f.cases.append({'name': f'rand({seed})', 'sql': f'rand({seed})', 'expression': call('rand', lit(seed, 'bigint')).json, 'schema': [['c0', 'bigint', False]],
            'rows': [[n] for n in range(20)], 'answers': [r.r for r in rows], 'resultType': 'double'})
    return f


def aggregates():
    f = Family('aggregates')
    groups = {
        'boolean': {'a': [True, False], 'b': [None, True], 'c': [None], 'd': [False]},
        'tinyint': {'a': [1, 2, 3], 'b': [None, -128, 127], 'c': [None, None], 'd': [127, 127, 127]},
        'smallint': {'a': [1, 2, 3], 'b': [None, -32768, 5], 'c': [None], 'd': [32767, 32767]},
        'int': {'a': [3, 1, 2], 'b': [None, 5, None], 'c': [None], 'd': [2147483647, 2147483647, 1], 'e': [-2147483648, -2147483648], 'f': [0]},
        'bigint': {'a': [3, 1, 2], 'b': [None, 9007199254740993], 'c': [None], 'd': [9223372036854775807, -1], 'e': [-9223372036854775808], 'f': [4611686018427387904, 4611686018427387903]},
        'float': {'a': [f32(0.1), f32(0.2), f32(0.3)], 'b': [None, 1.5], 'c': [None], 'd': [NAN, 1.0], 'e': [INF, -INF], 'f': [-0.0, 0.0], 'g': [INF, 1.0]},
        'double': {'a': [0.1, 0.2, 0.3], 'b': [None, 1.5, None], 'c': [None], 'd': [NAN, 1.0], 'e': [INF, -INF], 'f': [-0.0], 'g': [1e308, 1e308], 'h': [1e16, 1.0, -1e16], 'i': [-INF, NAN]},
        'decimal(10,2)': {'a': ['1.10', '2.25', '-3.00'], 'b': [None, '99999999.99', '99999999.99'], 'c': [None], 'd': ['0.01', '0.02', '0.02'], 'e': ['-0.01', '0.00', '0.00'], 'f': ['1.00', '1.00', '0.00']},
        'decimal(18,0)': {'a': ['999999999999999999', '999999999999999999', '1'], 'b': ['-5', None], 'c': [None]},
        'decimal(8,3)': {'a': ['1.105', '2.250', '-3.001'], 'b': [None, '99999.999'], 'c': [None], 'd': ['0.001', '0.002', '0.002']},
        'string': {'a': ['b', 'a', 'c'], 'b': [None, ''], 'c': [None], 'd': ['é', 'z', '🙂', '日本'], 'e': ['B', 'a']},
        'binary': {'a': [b'b', b'a'], 'b': [None, b''], 'c': [None], 'd': [b'\x00\xff', b'\xff\x00']},
        'date': {'a': [0, -1, 18262], 'b': [None, 5], 'c': [None]},
        'timestamp': {'a': [0, -1, 1577836800123456], 'b': [None, 5], 'c': [None]},
    }
    for t, by_key in groups.items():
        depth = max(len(v) for v in by_key.values())
        rows = [(k, vs[n]) for n in range(depth) for k, vs in by_key.items() if n < len(vs)]
        names = ['count', 'sum', 'min', 'max', 'avg', 'first', 'last', 'first ignoring nulls', 'last ignoring nulls', 'count rows'] + (['sum where'] if t in ('int', 'double') else [])
        for name in names:
            base = name.split(' ')[0]
            ignoring = 'ignoring' in name
            sql = 'count(*)' if name == 'count rows' else f'{base}(c1)' + (' IGNORE NULLS' if ignoring else '') + (' FILTER (WHERE c1 > 1)' if 'where' in name else '')
            entry = {'name': f'{name} {t}', 'sql': sql,
                'expression': {'kind': 'aggregate', 'name': base, 'args': [] if name == 'count rows' else [c1.json], 'distinct': False, 'filter': infix('>', c1, i(1)).json if 'where' in name else None, 'ignoreNulls': ignoring},
                'schema': [['c0', 'string', False], ['c1', t, True]], 'rows': [[k, encode(v, t)] for k, v in rows]}
            source = lambda some: 'VALUES ' + ', '.join(f'({sql_value(k, "string")}, {sql_value(v, t)})' for k, v in some) + ' AS t(c0, c1)'  # noqa: E731
            try:
                kind = spark.sql(f'SELECT {sql} AS r FROM {source(rows)}').schema[0].dataType.simpleString()
            except PySparkException as error:
                entry['analysisError'] = condition(error)
                f.cases.append(entry)
                continue
            shown = {'timestamp': 'unix_micros({})', 'date': 'unix_date({})'}.get(kind, '{}').format(sql)
            answers = []
            for key in by_key:
                mine = [r for r in rows if r[0] == key]
                try:
                    answers.append([key, encode(spark.sql(f'SELECT c0, {shown} AS r FROM {source(mine)} GROUP BY c0').collect()[0].r, kind)])
                except Exception as error:
                    answers.append([key, {'error': condition(error)}])
            entry['answers'] = answers
            entry['resultType'] = kind
            f.cases.append(entry)
    return f


class RandomExpressions:
    """Trees of everything above, by a seed: what stands well alone may still fall inside something else."""

    COLUMNS = ['boolean', 'int', 'bigint', 'double', 'decimal(10,2)', 'string', 'date', 'timestamp', 'smallint', 'float', 'binary']

    def __init__(self, seed):
        self.random = random.Random(seed)

    def value(self, of):
        r = self.random
        if r.random() < 0.2:
            return None
        small = {'boolean': lambda: r.random() < 0.5, 'int': lambda: r.randint(-9, 9), 'bigint': lambda: r.randint(-99, 99), 'smallint': lambda: r.randint(-9, 9),
            'double': lambda: r.randint(-40, 40) / 8, 'float': lambda: r.randint(-40, 40) / 8, 'decimal(10,2)': lambda: f'{r.randint(-999, 999) / 100:.2f}', 'string': lambda: r.choice(['', 'a', 'Abc', ' x ', '12', '-3', '1.5', 'true', 'grün', '🙂']),
            'date': lambda: r.randint(-400, 20000), 'timestamp': lambda: r.randint(-10**6, 10**6) * 1_234_567, 'binary': lambda: bytes(r.randint(0, 255) for _ in range(r.randint(0, 4)))}
        if of in small and (of not in VALUES or r.random() < 0.8):
            return small[of]()
        return r.choice(VALUES[of])

    def leaf(self, of):
        if self.random.random() < 0.25 and of != 'binary':
            return lit(self.value(of), of)
        return col(f'c{self.COLUMNS.index(of)}')

    def tree(self, of, depth):
        if depth == 0:
            return self.leaf(of)
        r, sub = self.random, lambda t: self.tree(t, depth - 1 - (self.random.random() < 0.4 and depth > 1))
        number = lambda: sub(r.choice(['int', 'bigint', 'double', 'decimal(10,2)', 'smallint', 'float']))  # noqa: E731
        anything = lambda: sub(r.choice(self.COLUMNS))  # noqa: E731
        general = [
            lambda: case([(sub('boolean'), sub(of))], sub(of) if r.random() < 0.7 else None),
            lambda: call('coalesce', sub(of), sub(of)),
            lambda: cast(sub(of), of),
        ]
        comparable = r.choice([t for t in self.COLUMNS if t != 'boolean'])
        making = {
            'boolean': [
                lambda: infix(r.choice(['=', '<', '<=', '>', '>=', '<=>']), sub(comparable), sub(comparable)), lambda: infix(r.choice(['<', '=', '>=']), number(), number()),
                lambda: infix(r.choice(['and', 'or']), sub('boolean'), sub('boolean')), lambda: call('not', sub('boolean'), sql='(NOT {0})'), lambda: call('isNull', anything(), sql='({0} IS NULL)'),
                lambda: call('in', sub(comparable), sub(comparable), sub(comparable), sql='({0} IN ({1}, {2}))'), lambda: call('between', number(), number(), number(), sql='({0} BETWEEN {1} AND {2})'),
                lambda: call('like', sub('string'), s(r.choice(['%', 'a%', '_', '%1%', '_b%'])), sql='({0} LIKE {1})'), lambda: call(r.choice(['contains', 'startswith', 'endswith']), sub('string'), sub('string'))],
            'int': [
                lambda: cast(infix(r.choice(['+', '-', '*', '%']), sub('int'), sub(r.choice(['int', 'smallint']))), 'int'), lambda: call('length', sub(r.choice(['string', 'binary']))), lambda: call('hash', anything(), anything()),
                lambda: cast(sub(r.choice(['bigint', 'double', 'decimal(10,2)', 'smallint', 'boolean'])), 'int'), lambda: try_cast(sub('string'), 'int'), lambda: call('abs', sub('int')), lambda: call(r.choice(['least', 'greatest']), sub('int'), sub('int')),
                lambda: call('round', sub('int'), i(r.choice([0, -1, 1])))],
            'smallint': [lambda: cast(sub('int'), 'smallint'), lambda: try_cast(sub('string'), 'smallint'), lambda: call('negative', sub('smallint'), sql='(- {0})'), lambda: infix(r.choice(['+', '*', '-', '%']), sub('smallint'), sub('smallint'))],
            'bigint': [
                lambda: infix(r.choice(['+', '-', '*', '%', 'div']), sub('bigint'), sub(r.choice(['bigint', 'int']))), lambda: call('xxhash64', anything(), anything()), lambda: cast(sub(r.choice(['double', 'decimal(10,2)', 'timestamp', 'int'])), 'bigint'),
                lambda: call(r.choice(['floor', 'ceil']), sub('double')), lambda: call('unixMillis', sub('timestamp'), sql='unix_millis({0})'), lambda: call(r.choice(['least', 'greatest']), sub('bigint'), sub('bigint'), sub('int'))],
            'double': [
                lambda: infix(r.choice(['+', '-', '*', '/', '%']), sub('double'), number()), lambda: infix('/', number(), sub('double')), lambda: cast(number(), 'double'), lambda: call('round', sub('double'), i(r.choice([0, 1, 2, -1]))),
                lambda: try_cast(sub('string'), 'double'), lambda: call(r.choice(['least', 'greatest']), sub('double'), sub('float')), lambda: call('abs', sub('double')), lambda: cast(sub('timestamp'), 'double')],
            'float': [lambda: cast(sub('double'), 'float'), lambda: infix(r.choice(['+', '*', '-']), sub('float'), sub('float')), lambda: call('negative', sub('float'), sql='(- {0})')],
            'decimal(10,2)': [
                lambda: cast(infix(r.choice(['+', '-', '*', '/', '%']), sub('decimal(10,2)'), sub(r.choice(['decimal(10,2)', 'int', 'smallint']))), 'decimal(10,2)'), lambda: cast(number(), 'decimal(10,2)'), lambda: try_cast(sub('string'), 'decimal(10,2)'),
                lambda: cast(call('round', sub('decimal(10,2)'), i(r.choice([0, 1, -1]))), 'decimal(10,2)'), lambda: call('abs', sub('decimal(10,2)')), lambda: call('negative', sub('decimal(10,2)'), sql='(- {0})')],
            'string': [
                lambda: call('concat', sub('string'), anything()), lambda: call('substring', sub('string'), sub('int'), sub('int')), lambda: call(r.choice(['upper', 'lower', 'trim']), sub('string')),
                lambda: cast(sub(r.choice(['boolean', 'int', 'bigint', 'double', 'decimal(10,2)', 'date', 'timestamp', 'float', 'smallint'])), 'string'), lambda: call('base64', sub('binary')),
                lambda: to_json(struct_of(*[col(f'c{n}') for n in r.sample(range(len(self.COLUMNS)), 3)])), lambda: call(r.choice(['least', 'greatest']), sub('string'), sub('string')),
                lambda: call('nullif', sub('string'), sub('string')), lambda: call('if', sub('boolean'), sub('string'), sub('string'))],
            'binary': [lambda: cast(sub('string'), 'binary'), lambda: call('unbase64', call('base64', sub('binary'))), lambda: call('substring', sub('binary'), i(r.choice([1, 2, -1]))), lambda: call('concat', sub('binary'), sub('binary'))],
            'date': [lambda: cast(sub('timestamp'), 'date'), lambda: try_cast(sub('string'), 'date'), lambda: call(r.choice(['least', 'greatest']), sub('date'), sub('date'))],
            'timestamp': [lambda: cast(sub('date'), 'timestamp'), lambda: call('timestampSeconds', sub('int'), sql='timestamp_seconds({0})'), lambda: call('timestampMillis', sub('bigint'), sql='timestamp_millis({0})'), lambda: cast(sub('int'), 'timestamp'), lambda: call('least', sub('timestamp'), sub('date'))],
        }[of]
        return r.choice(making if r.random() < 0.8 else general)()

    def case_into(self, f, name):
        of = self.random.choice(self.COLUMNS)
        tree = self.tree(of, self.random.choice([2, 3, 3, 4]))
        f.table(self.COLUMNS, [tuple(self.value(t) for t in self.COLUMNS) for _ in range(6)], [(name, tree)], [True] * len(self.COLUMNS))


def randoms():
    f = Family('random')
    for seed in range(int(os.environ.get('FROM', '0')), int(os.environ.get('TO', '250'))):
        RandomExpressions(seed).case_into(f, f'seed {seed}')
    return f


if __name__ == '__main__':
    folder = sys.argv[1]
    wanted = sys.argv[2:]
    for make in [boolean, conditional, membership, strings, encoding, hashes, to_jsons, times, numeric, from_jsons, arithmetic, comparison, casts, try_casts, aggregates, randoms]:
        if not wanted or make.__name__ in wanted:
            make().write(folder)
    spark.stop()
