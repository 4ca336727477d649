/** Where the operations of an epoch go. Bytes are valid only during the call. */
export interface ChangeLog {
  put(
    hash: number,
    key: Uint8Array,
    keyOffset: number,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): void
  delete(hash: number, key: Uint8Array, keyOffset: number, keyLength: number): void
}
