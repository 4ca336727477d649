import { type DataFrame, type Row, type StreamingQuery, Trigger, type TriggerOptions, WalkwaySession } from '../../src/index.ts'

/** Where a query can run: in this thread, on one worker, on two. */
export const masters = ['inline', 'local[1]', 'local[2]'] as const

/** One of each kind of trigger that goes on. */
export const triggers: Readonly<Record<string, Trigger>> = {
  default: { kind: 'default' },
  processingTime: Trigger.processingTime(20),
  realTime: Trigger.realTime(20),
}

/** Runs something with a session, which is stopped afterwards. */
export const withSession = async <T>(master: string, run: (session: WalkwaySession) => Promise<T>): Promise<T> => {
  const session = WalkwaySession.builder().master(master).create()
  try {
    return await run(session)
  } finally {
    await session.stop()
  }
}

/** Writes a stream into a list. */
export const intoList = async (
  frame: DataFrame,
  trigger: Trigger | TriggerOptions = Trigger.realTime(20),
): Promise<{ query: StreamingQuery; rows: Row[] }> => {
  const rows: Row[] = []
  const query = await frame.writeStream
    .trigger(trigger)
    .foreach(row => {
      rows.push(row)
    })
    .start()
  return { query, rows }
}

/** The code that a promise rejects with; 'none' if it does not. */
export const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
    return 'none'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

/** Waits until something is true. */
export const until = async (what: () => boolean, millis = 60_000): Promise<void> => {
  for (const end = performance.now() + millis; !what(); ) {
    if (performance.now() > end) throw new Error(`not after ${millis} ms: ${String(what)}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}
