import type { RecordBuffer } from '../record/record-buffer.ts'
import type { SinkConnector } from './connector.ts'
import { HeldObjects } from './held-objects.ts'
import { heldOption } from './options.ts'
import { PromptWriter } from './prompt-writer.ts'

/** Buffers of this process that a query fills, under an id that goes into the option `id`. */
export const recordBuffers = new HeldObjects<RecordBuffer>('records')

/** Appends rows to a buffer of the caller as the records that they are: nothing is lost that JavaScript has no value for. */
class RecordSinkWriter extends PromptWriter {
  readonly #target: RecordBuffer

  constructor(target: RecordBuffer) {
    super()
    this.#target = target
  }

  protected take(rows: RecordBuffer): void {
    this.#target.appendAll(rows)
  }
}

/** `records`: for the engine's own use, tables of joins that is. */
export const recordSink: SinkConnector = {
  name: 'records',
  options: [],
  describe: async () => ({
    home: 'caller',
    rows: 'records',
    maxWriters: 1,
    guarantee: 'at-least-once',
    outputModes: ['append'],
    label: 'records',
  }),
  open: context => new RecordSinkWriter(heldOption(recordBuffers, context.options, 'records', 'join')),
  committer: () => null,
}
