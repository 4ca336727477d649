import { mergeToFile } from './merge-file.ts'
import type { PlacedFile } from './merge-state.ts'
import type { StateFile } from './state-file.ts'

/** Runs on a pool's thread: merges state files, oldest first, into one at `path`. Blocks that thread. */
export default ({ files, path, name }: { files: readonly PlacedFile[]; path: string; name: string }): StateFile =>
  mergeToFile(files, path, name)
