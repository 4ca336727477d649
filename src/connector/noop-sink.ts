import type { SinkConnector } from './connector.ts'
import { PromptWriter } from './prompt-writer.ts'

/** Counts rows and drops them: what benchmarks write to. */
class NoopWriter extends PromptWriter {
  protected take(): void {}
}

export const noopSink: SinkConnector = {
  name: 'noop',
  options: [],
  describe: async () => ({
    home: 'anywhere',
    rows: 'records',
    maxWriters: Number.MAX_SAFE_INTEGER,
    guarantee: 'at-most-once',
    outputModes: ['append', 'update', 'complete'],
    label: 'noop',
  }),
  open: () => new NoopWriter(),
  committer: () => null,
}
