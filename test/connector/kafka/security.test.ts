import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { EngineError, WalkwaySession } from '../../../src/index.ts'
import { ModelCluster, type ModelSecurity } from '../../support/kafka-model-broker.ts'

// Goal: a cluster that wants TLS, a login or both is written to and read from, and one that we cannot trust, or that does not let us in,
// is told. Method: model brokers with certificates of their own, valid for a hundred years, through the public API.

const pathOf = (name: string): string => fileURLToPath(new URL(`./tls/${name}.pem`, import.meta.url))
const pem = (name: string): string => readFileSync(pathOf(name), 'utf8')

const tls = { key: pem('key'), cert: pem('certificate') }
const user = { name: 'me', password: 'se"cret' }
const trust = { 'kafka.ssl.truststore.location': pathOf('certificate') }
const login = { 'kafka.sasl.username': user.name, 'kafka.sasl.password': user.password }

let cluster: ModelCluster | undefined
let session: WalkwaySession | undefined

afterEach(async () => {
  await session?.stop()
  await cluster?.close()
})

/** Writes rows to a cluster with such security and reads them back, with these options. */
const roundTrip = async (security: ModelSecurity, options: Record<string, string>): Promise<unknown[]> => {
  cluster = await ModelCluster.start(2, security)
  cluster.create('t', 2)
  session = WalkwaySession.builder().master('inline').create()
  const all = { 'kafka.bootstrap.servers': cluster.bootstrap, 'kafka.default.api.timeout.ms': '500', ...options }
  const rows = Array.from({ length: 20 }, (_, i) => ({ key: `k${i}`, value: `v${i}` }))
  await session
    .createDataFrame(rows, 'key STRING, value STRING')
    .write.format('kafka')
    .options({ ...all, topic: 't' })
    .save()
  const read = session.read.format('kafka').options({ ...all, subscribe: 't' })
  return (await read.load().collect()).map(row => new TextDecoder().decode(row.value as Uint8Array)).sort()
}

const faultOf = (work: Promise<unknown>): Promise<{ code: string; message: string }> =>
  work.then(
    () => ({ code: 'none', message: '' }),
    error => (error instanceof EngineError ? { code: error.code, message: error.message } : Promise.reject(error)),
  )

const written = Array.from({ length: 20 }, (_, i) => `v${i}`).sort()

test('TLS: the certificate is trusted by its file', async () => {
  expect(await roundTrip({ tls }, { 'kafka.security.protocol': 'SSL', ...trust })).toEqual(written)
})

test('TLS and a login', async () => {
  expect(await roundTrip({ tls, user }, { 'kafka.security.protocol': 'SASL_SSL', ...trust, ...login })).toEqual(written)
})

test('a login alone, from a JAAS text', async () => {
  const jaas = `org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="se\\"cret";`
  expect(await roundTrip({ user }, { 'kafka.security.protocol': 'SASL_PLAINTEXT', 'kafka.sasl.jaas.config': jaas })).toEqual(written)
})

test('a certificate that nobody vouches for is not accepted, whether its name is looked at or not', async () => {
  for (const algorithm of ['https', '']) {
    const options = { 'kafka.security.protocol': 'SSL', 'kafka.ssl.endpoint.identification.algorithm': algorithm }
    const { code, message } = await faultOf(roundTrip({ tls }, options))
    expect(code).toBe('KAFKA_UNREACHABLE')
    expect(message).toMatch(/self.signed certificate/i)
    await session?.stop()
    await cluster?.close()
  }
})

test('a certificate with another name is refused, unless names are not looked at', async () => {
  const other = { tls: { key: tls.key, cert: pem('other-name') } }
  const options = { 'kafka.security.protocol': 'SSL', 'kafka.ssl.truststore.location': pathOf('other-name') }
  const { code, message } = await faultOf(roundTrip(other, options))
  expect(code).toBe('KAFKA_UNREACHABLE')
  expect(message).toMatch(/altnames/i)
  await session?.stop()
  await cluster?.close()
  expect(await roundTrip(other, { ...options, 'kafka.ssl.endpoint.identification.algorithm': '' })).toEqual(written)
})

test('a wrong password, and a way to log in that the brokers do not know, are told at once', async () => {
  const wrong = { 'kafka.security.protocol': 'SASL_PLAINTEXT', ...login, 'kafka.sasl.password': 'guessed' }
  expect(await faultOf(roundTrip({ user }, wrong))).toMatchObject({ code: 'KAFKA_AUTHENTICATION' })
  await session?.stop()
  await cluster?.close()
  const scram = { 'kafka.security.protocol': 'SASL_PLAINTEXT', ...login, 'kafka.sasl.mechanism': 'SCRAM-SHA-256' }
  expect(await faultOf(roundTrip({ user }, scram))).toMatchObject({ code: 'KAFKA_AUTHENTICATION' })
})
