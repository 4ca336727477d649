import { expect, test } from 'vitest'
import { BatchBuilder } from '../../../src/connector/kafka/batch-builder.ts'
import { SourceRowWriter, sourceColumns } from '../../../src/connector/kafka/source-columns.ts'
import { SourcePartition } from '../../../src/connector/kafka/source-partition.ts'
import { structType } from '../../../src/record/data-type.ts'
import { RecordBuffer } from '../../../src/record/record-buffer.ts'
import { RowLayout } from '../../../src/record/row-layout.ts'

// Goal: what waits for a later epoch keeps its own bytes, not the whole answer that it came with. The answer is overwritten meanwhile: who
// still looks into it finds rubbish.

const batch = (): Buffer => {
  const builder = new BatchBuilder()
  builder.append(1_700_000_000_000, Buffer.from('value'), 0, -1, 0, 5)
  return builder.finish('none')
}

test.each([
  { waits: 'behind its epoch’s end', end: 0, answerBytes: 10_000, isCopied: true },
  { waits: 'for its turn, in an answer of its own', end: 0, answerBytes: 100, isCopied: false },
  { waits: 'not at all', end: 1, answerBytes: 10_000, isCopied: false },
])('a few records of a large answer that wait $waits', ({ end, answerBytes, isCopied }) => {
  const partition = new SourcePartition('t', 0, 0, end, false)
  const records = batch()
  const answer = { topic: 't', partition: 0, errorCode: 0, highWatermark: 1, logStart: 0, aborted: [], records }
  expect(partition.keep(answer, answerBytes, 7)).toBe(true)
  expect(partition.aheadBytes).toBe(records.length)
  partition.end = 1
  records.fill(0)
  const columns = [1]
  const out = new RecordBuffer(RowLayout.of(structType(columns.map(ordinal => sourceColumns({}).fields[ordinal]))))
  const take = (): number => partition.take(new SourceRowWriter(columns), out, 10)
  if (isCopied) expect(take()).toBe(1)
  else expect(take).toThrow(expect.objectContaining({ code: 'KAFKA_BAD_DATA' }))
})
