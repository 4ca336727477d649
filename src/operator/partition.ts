/**
 * Which task of a stage a key belongs to. The exchange spreads rows by it and a restore finds a task's own entries by it, so both must be
 * the same sum. The upper bits choose: the lower ones choose the bucket in the key index behind it.
 */
export const partitionOf = (hash: number, partitions: number): number => (Math.imul(hash, SPREAD) >>> 8) % partitions

const SPREAD = 0x9e3779b1

/** The same for generated code: `hash` is an expression. */
export const partitionCode = (hash: string, partitions: number): string => `(Math.imul(${hash}, ${SPREAD}) >>> 8) % ${partitions}`
