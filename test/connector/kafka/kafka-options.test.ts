import { describe, expect, test } from 'vitest'
import { kafkaSinkOptions, kafkaSourceOptions } from '../../../src/connector/kafka/kafka-options.ts'
import { WalkwaySession } from '../../../src/index.ts'

// Goal: options are read as Spark's connector reads them, and what would break a promise is refused before anything is opened.

const base = { 'kafka.bootstrap.servers': 'a:1, b:2', subscribe: 't' }

const refusal = (options: Record<string, string>): string => {
  try {
    kafkaSourceOptions(options, true)
    return 'no error'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

describe('Kafka options', () => {
  test('a stream begins at the latest offsets, a batch at the earliest', () => {
    expect(kafkaSourceOptions(base, true)).toMatchObject({
      brokers: ['a:1', 'b:2'],
      startingOffsets: 'latest',
      subscription: { topics: ['t'] },
    })
    expect(kafkaSourceOptions(base, false).startingOffsets).toBe('earliest')
  })

  test('what makes no sense for a stream, or for a batch, is refused', () => {
    expect(refusal({ ...base, endingOffsets: 'latest' })).toBe('BAD_OPTION')
    expect(refusal({ ...base, endingTimestamp: '7' })).toBe('BAD_OPTION')
    expect(refusal({ ...base, 'kafka.group.id': 'g' })).toBe('BAD_OPTION')
    expect(refusal({ ...base, 'kafka.enable.auto.commit': 'true' })).toBe('BAD_OPTION')
    expect(() => kafkaSourceOptions({ ...base, startingOffsets: 'latest' }, false)).toThrow(/a batch would be empty/)
    expect(() => kafkaSourceOptions({ ...base, endingOffsets: 'earliest' }, false)).toThrow(/a batch would be empty/)
    expect(() => kafkaSourceOptions({ ...base, startingOffsets: '{"t": {"0": -1}}' }, false)).toThrow(/no -1 \(latest\) for a batch/)
    expect(() => kafkaSourceOptions({ ...base, endingOffsets: '{"t": {"0": 5, "1": -2}}' }, false)).toThrow(/no -2 \(earliest\)/)
    expect(kafkaSourceOptions({ ...base, startingOffsets: '{"t": {"0": -1}}' }, true).startingOffsets).toEqual({ t: { 0: -1 } })
    expect(kafkaSourceOptions({ ...base, endingOffsets: '{"t": {"0": -1}}' }, false).endingOffsets).toEqual({ t: { 0: -1 } })
  })

  test('a fetch waits for less than a request may take', () => {
    const options = { ...base, 'kafka.fetch.max.wait.ms': '60000', 'kafka.request.timeout.ms': '1000' }
    expect(kafkaSourceOptions(options, true).maxWaitMillis).toBe(500)
  })

  test('times are of all partitions, or by partition', () => {
    expect(kafkaSourceOptions({ ...base, startingTimestamp: '1700000000000' }, true).startingTimes).toBe(1700000000000)
    const byPartition = '{"t": {"0": 5, "1": 0}}'
    expect(kafkaSourceOptions({ ...base, startingOffsetsByTimestamp: byPartition }, true).startingTimes).toEqual({ t: { 0: 5, 1: 0 } })
    expect(refusal({ ...base, startingOffsetsByTimestamp: '{"t": {"0": -1}}' })).toBe('BAD_OPTION')
    expect(refusal({ ...base, startingOffsetsByTimestamp: '{"t": 5}' })).toBe('BAD_OPTION')
  })

  test('names do not mind case', () => {
    expect(kafkaSourceOptions({ ...base, STARTINGOFFSETS: 'Earliest' }, true).startingOffsets).toBe('earliest')
  })

  test('SASL and TLS are handed through, from a JAAS text too', () => {
    const jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="secret";'
    expect(
      kafkaSinkOptions({
        ...base,
        'kafka.security.protocol': 'SASL_SSL',
        'kafka.sasl.mechanism': 'SCRAM-SHA-256',
        'kafka.sasl.jaas.config': jaas,
      }),
    ).toMatchObject({
      sasl: { mechanism: 'scram-sha-256', username: 'me', password: 'secret' },
      ssl: {},
    })
    expect(refusal({ ...base, 'kafka.security.protocol': 'SASL_PLAINTEXT' })).toBe('MISSING_OPTION')
    expect(refusal({ ...base, 'kafka.security.protocol': 'SSL', 'kafka.ssl.truststore.location': '/not/there.pem' })).toBe('BAD_OPTION')
  })

  test.each([
    { subscribe: 't' },
    { ...base, subscribe: '' },
    { ...base, subscribePattern: 'x' },
    { ...base, 'kafka.bootstrap.servers': 'nowhere' },
    { ...base, 'kafka.group.id': 'g' },
    { ...base, 'kafka.auto.offset.reset': 'latest' },
    { ...base, startingOffsets: '{"t": {"0": "x"}}' },
    { ...base, startingOffsets: '{' },
    { ...base, failOnDataLoss: 'perhaps' },
    { 'kafka.bootstrap.servers': 'a:1', assign: '{"t": 3}' },
    { 'kafka.bootstrap.servers': 'a:1', subscribePattern: '(' },
  ] as Record<string, string>[])('%o is refused', options => {
    expect(['BAD_OPTION', 'MISSING_OPTION']).toContain(refusal(options))
  })

  test('a broker that cannot be reached is a coded error once the user’s patience is over', async () => {
    const session = WalkwaySession.builder().master('inline').create()
    const options = { 'kafka.bootstrap.servers': '127.0.0.1:1', subscribe: 't', 'kafka.default.api.timeout.ms': '300' }
    await expect(session.read.format('kafka').options(options).load().collect()).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' })
  })
})
