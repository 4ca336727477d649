import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startExample } from './run-example.ts'

// Goal: each example does what it says, started as a user starts it. Method: the built program in a process of its own, with small limits.

test('hello counts clicks per page', async () => {
  const hello = startExample('01-hello.js')
  expect(await hello.ended).toBe(0)
  expect(hello.output()).toBe('/home: 1\n/cart: 1\n/home: 2\n')
})

describe('fraud', () => {
  const SUMMARY = /mode (.+): (\d+) payments in [\d.]+ s \(\d+\/s\), (\d+) alerts, (\d+) epochs/
  const STATUS = /\| \d+\/s \| p50 [\d.]+ ms {2}p99 [\d.]+ ms {2}p99.9 [\d.]+ ms \| epoch \d+ \| watermark 1[12]:\d\d/
  const alertsOf = (output: string): string[] => [...output.matchAll(/ALERT {2}(card \d+ {2}\w+):/g)].map(match => match[1]).sort()

  const run = async (args: readonly string[]): Promise<{ rows: number; alerts: string[]; output: string }> => {
    const fraud = startExample('02-fraud/main.js', args)
    expect(await fraud.ended, fraud.output()).toBe(0)
    const [, , rows, alerts] = SUMMARY.exec(fraud.output()) ?? []
    const found = alertsOf(fraud.output())
    expect(found).toHaveLength(Number(alerts))
    return { rows: Number(rows), alerts: found, output: fraud.output() }
  }

  for (const mode of ['realTime', 'realTime 100 ms', 'processingTime 1 second']) {
    test(`${mode}: the alerts are those of a batch over the same payments`, async () => {
      // The second thief begins with payment 40,000; a busy machine may take longer until then.
      const isWhole = (): boolean => stream.rows > 60_000 && STATUS.test(stream.output)
      let stream = await run([mode, '--rate', '40000', '--seconds', '4'])
      for (const seconds of [12, 36, 72]) {
        if (!isWhole()) stream = await run([mode, '--rate', '40000', '--seconds', String(seconds)])
      }
      expect(stream.rows).toBeGreaterThan(60_000)
      expect(stream.alerts.length).toBeGreaterThan(1)
      expect(stream.output).toMatch(STATUS)
      const batch = await run(['batch', '--rows', `${stream.rows}`])
      expect(batch.rows).toBe(stream.rows)
      expect(batch.alerts).toEqual(stream.alerts)
    }, 400_000)
  }

  test('Ctrl-C drains and prints the summary, though it comes twice', async () => {
    const fraud = startExample('02-fraud/main.js', ['realTime'])
    await fraud.printed('epoch 0')
    fraud.signal('SIGINT')
    fraud.signal('SIGINT')
    expect(await fraud.ended).toBe(0)
    expect(fraud.output()).toMatch(SUMMARY)
    expect(fraud.output()).toContain('latency from arrival to verdict: p50')
  })

  test('a checkpoint goes on where the last run stopped', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'walkway-fraud-'))
    try {
      const options = ['realTime', '--rate', '40000', '--checkpoint', folder]
      const first = await run([...options, '--seconds', '2'])
      const second = await run([...options, '--seconds', '3'])
      const batch = await run(['batch', '--rows', String(first.rows + second.rows)])
      expect([...new Set([...first.alerts, ...second.alerts])].sort()).toEqual(batch.alerts)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a word that is no mode is refused with the modes that there are', async () => {
    const fraud = startExample('02-fraud/main.js', ['realtme'])
    expect(await fraud.ended).toBe(1)
    expect(fraud.output()).toBe(
      '[BAD_TRIGGER] Not a trigger: "realtme". There are: realTime 1 second, processingTime 1 second, availableNow, once, default.\n',
    )
  })
})

describe('what is typed wrongly is told in a sentence', () => {
  const wrong = {
    '--second 3': "Unknown option '--second'",
    '--seconds soon': '--seconds is soon: expected a number above 0',
    '--rate -5': "'--rate' argument is ambiguous",
    'batch --rows none': '--rows is none: expected a number above 0',
    'batch realTime': 'One mode at a time: batch, realTime',
  }
  for (const [args, told] of Object.entries(wrong)) {
    test(args, async () => {
      const fraud = startExample('02-fraud/main.js', args.split(' '))
      expect(await fraud.ended).toBe(2)
      expect(fraud.output()).toContain(told)
      expect(fraud.output()).toContain('--seconds N')
      expect(fraud.output()).not.toMatch(/^ +at /m)
    })
  }
})

describe('http', () => {
  const post = (port: string, body: string): Promise<{ status: number; body: unknown }> =>
    new Promise((resolve, reject) => {
      const call = request({ port, host: '127.0.0.1', path: '/orders', method: 'POST' }, response => {
        let text = ''
        response.setEncoding('utf8').on('data', chunk => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }))
      })
      call.on('error', reject).end(body)
    })

  for (const MASTER of ['inline', 'local']) {
    test(`${MASTER}: each request is answered with the total of its customer`, async () => {
      const service = startExample('04-http.js', [], { MASTER, PORT: '0' })
      const [, port] = /127\.0\.0\.1:(\d+)/.exec(await service.printed('listening on')) ?? []
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => post(port, JSON.stringify({ customer: i % 2 === 0 ? 'ann' : 'bob', cents: 10 }))),
      )
      const spent = (name: string): number[] =>
        answers
          .map(answer => answer.body as { customer: string; spent: number })
          .filter(({ customer }) => customer === name)
          .map(body => body.spent)
          .sort((a, b) => a - b)
      // Requests overtake one another on their way in, but each total is given once.
      const totals = Array.from({ length: 25 }, (_, i) => 10 * (i + 1))
      expect(spent('ann')).toEqual(totals)
      expect(spent('bob')).toEqual(totals)
      expect(await post(port, '{"customer": 5}')).toMatchObject({ status: 400 })
      expect(await post(port, 'no json')).toMatchObject({ status: 400 })
      service.signal('SIGTERM')
      expect(await service.ended).toBe(0)
      expect(service.output()).toContain('stopped after 50 orders')
    })
  }
})
