/** Typed views over one whole buffer, so that any position in it is an index into each of them. */
export interface Views {
  readonly u8: Uint8Array
  readonly i16: Int16Array
  readonly u16: Uint16Array
  readonly i32: Int32Array
  readonly f32: Float32Array
  readonly f64: Float64Array
  readonly i64: BigInt64Array
}

/** Makes the views. The buffer's length must be a multiple of 8. */
export const viewsOf = (buffer: ArrayBufferLike): Views => ({
  u8: new Uint8Array(buffer),
  i16: new Int16Array(buffer),
  u16: new Uint16Array(buffer),
  i32: new Int32Array(buffer),
  f32: new Float32Array(buffer),
  f64: new Float64Array(buffer),
  i64: new BigInt64Array(buffer),
})
