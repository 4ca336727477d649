import type { CompiledChain } from '../operator/chain.ts'
import { partitionOf } from '../operator/partition.ts'
import { estimateEntries, mergeStateFiles } from '../state/merge-state.ts'
import type { TaskSpec } from './task-spec.ts'

/** Fills the stores of a new task from a checkpoint, keeping the entries that are its own. Blocks. Throws CHECKPOINT_DAMAGED. */
export const restoreTask = (spec: TaskSpec, chain: CompiledChain): void => {
  for (const { operatorId, files } of spec.restore) {
    const operator = chain.operators.find(candidate => candidate.operatorId === operatorId)
    if (operator === undefined) continue
    const isOwn = (hash: number, bytes: Uint8Array, keyOffset: number, keyLength: number, valueOffset: number): boolean => {
      if (spec.partitionCount === 1) return true
      const home = operator.homeHash === undefined ? hash : operator.homeHash(hash, bytes, keyOffset, keyLength, valueOffset)
      return home === null || partitionOf(home, spec.partitionCount) === spec.partition
    }
    operator.store.expect(estimateEntries(files) / spec.partitionCount)
    mergeStateFiles(
      files,
      (hash, bytes, keyOffset, keyLength, valueOffset, valueLength) => {
        if (!isOwn(hash, bytes, keyOffset, keyLength, valueOffset)) return
        operator.restore(hash, bytes, keyOffset, keyLength, bytes, valueOffset, valueLength)
      },
      undefined,
      operator.store,
    )
    operator.store.updatedCount = 0
  }
}
