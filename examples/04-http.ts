import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { last, type Row, sum, Trigger, WalkwaySession } from 'walkway'

/**
 * A stateful query inside a web service. `POST /orders` with `{"customer": "ann", "cents": 250}` answers what that customer has spent so
 * far: the request is pushed into the query, and the row that comes out is the answer. With the master `inline` all of it happens in this
 * thread while `push` runs, some microseconds; with worker threads the same program answers when the row comes back.
 */
const session = WalkwaySession.builder()
  .master(process.env.MASTER ?? 'inline')
  .create()
const orders = session.pushStream('request BIGINT NOT NULL, customer STRING NOT NULL, cents BIGINT NOT NULL')

/** Requests whose answer is on its way. */
const waiting = new Map<number, { resolve(row: Row): void; reject(error: Error): void }>()
let requestCount = 0

// One customer a row in, one row out, with the number of the request that caused it.
const totals = orders.toDF().groupBy('customer').agg(sum('cents').alias('spent'), last('request').alias('request'))

const query = await totals.writeStream
  .outputMode('update')
  .trigger(Trigger.realTime('1 second'))
  .foreach(row => waiting.get(Number(row.request))?.resolve(row))
  .start()

const server = createServer(async (request, response) => {
  try {
    if (request.method !== 'POST' || request.url !== '/orders') return reply(response, 404, { error: 'POST /orders' })
    const order = orderOf(await bodyOf(request))
    if (order === null) return reply(response, 400, { error: 'expected {"customer": "a name", "cents": a whole number}' })
    const answer = answerOf(order)
    if (answer === null) return reply(response, 503, { error: 'too many requests wait, or the service is ending' })
    const { customer, spent } = await answer
    reply(response, 200, { customer, spent })
  } catch (error) {
    reply(response, 500, { error: String(error) })
  }
})

/** Pushes an order; null if the query takes none now. */
const answerOf = (order: Order): Promise<Row> | null => {
  const request = requestCount++
  let isTaken = false
  const answer = new Promise<Row>((resolve, reject) => {
    waiting.set(request, { resolve, reject })
    isTaken = orders.push({ request, ...order })
  })
  if (!isTaken) waiting.delete(request)
  return isTaken ? answer.finally(() => waiting.delete(request)) : null
}

interface Order {
  readonly customer: string
  readonly cents: number
}

/** What comes from outside is checked before it is pushed: a row of a wrong type would stop the query. */
const orderOf = (text: string): Order | null => {
  try {
    const { customer, cents } = JSON.parse(text)
    return typeof customer === 'string' && Number.isSafeInteger(cents) ? { customer, cents } : null
  } catch {
    return null
  }
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}

const reply = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})

// A clean end: no new connections, the open requests get their answers, then the query commits and stops.
const shutDown = (): void => {
  server.close(async () => {
    orders.close()
    await session.stop()
    console.log(`stopped after ${requestCount} orders`)
  })
  server.closeIdleConnections()
}
process.once('SIGINT', shutDown).once('SIGTERM', shutDown)

// Should the query die, whoever waits gets an error instead of no answer.
query.awaitTermination().catch(error => {
  console.error(error.message)
  for (const { reject } of waiting.values()) reject(error)
  process.exitCode = 1
  shutDown()
})
