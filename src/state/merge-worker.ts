import { markLoaded } from '../base/thread-load.ts'
import { mergeToFile } from './merge-file.ts'
import type { PlacedFile } from './merge-state.ts'
import type { StateFile } from './state-file.ts'

export interface MergeTask {
  readonly files: readonly PlacedFile[]
  readonly path: string
  readonly name: string
  readonly load: SharedArrayBuffer
}

/** Runs on a pool's thread: merges state files, oldest first, into one at `path`. Blocks that thread. */
export default ({ files, path, name, load }: MergeTask): StateFile => {
  markLoaded(load)
  return mergeToFile(files, path, name)
}
