/**
 * The first part of an entry's block in an arena, which the index knows; the rest is the owner's:
 *
 *   0 u32 hash · 4 u32 keyLength · 8 u32 owner · 12 u32 owner · 16 key bytes, padded to 8 · value
 */
export const ENTRY_KEY_OFFSET = 16

/** Whether so many words from `at` on are these. */
export const sameWords = (held: Int32Array, at: number, words: Int32Array, count: number): boolean => {
  for (let i = 0; i < count; i++) if (held[at + i] !== words[i]) return false
  return true
}
