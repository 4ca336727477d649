import { type DataFrame, Trigger } from 'walkway'
import { CHECKED, type NexmarkQuery } from './queries.ts'

const FNV_START = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** FNV-1a over ASCII, as GENERATOR.md hashes a row. */
const hashOf = (text: string): number => {
  let hash = FNV_START
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME)
  return hash
}

/** Runs a query over the first `CHECKED` events as a stream, event by event; says what is wrong with its answer, or null. */
export const checkAnswer = async (name: string, { build, line, answer }: NexmarkQuery, events: DataFrame): Promise<string | null> => {
  if (answer === null) return null
  let [rows, sum] = [0, 0]
  const query = await build(events)
    .writeStream.outputMode('append')
    .trigger(Trigger.realTime('100 milliseconds'))
    .foreach(row => {
      rows++
      sum = (sum + hashOf(line(row))) | 0
    })
    .start()
  await query.processAllAvailable()
  await query.stop()
  const checksum = (sum >>> 0).toString(16).padStart(8, '0')
  if (rows === answer.rows && checksum === answer.checksum) return null
  return `${name} over ${CHECKED} events: ${rows} rows, checksum ${checksum}; expected ${answer.rows}, ${answer.checksum}`
}
