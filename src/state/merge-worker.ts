import { mergeToFile } from './merge-file.ts'
import type { PlacedFile } from './merge-state.ts'
import type { StateFile } from './state-file.ts'

export interface MergeTask {
  readonly files: readonly PlacedFile[]
  readonly path: string
  readonly name: string
  /** A word: 1 once the thread has loaded. */
  readonly loaded: SharedArrayBuffer
}

/** Runs on a pool's thread: merges state files, oldest first, into one at `path`. Blocks that thread. */
export default ({ files, path, name, loaded }: MergeTask): StateFile => {
  Atomics.store(new Int32Array(loaded), 0, 1)
  return mergeToFile(files, path, name)
}
