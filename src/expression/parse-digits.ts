/**
 * Reads up to 15 digits with a sign, as most integers in text are, without making a string or a bigint. The answer comes by memory: a
 * double that leaves a function would be garbage.
 */
export const parsedDigits = new Float64Array(1)

/** False if the text is anything else: then the general way must look at it. */
export const parseDigits = (u8: Uint8Array, offset: number, length: number): boolean => {
  const sign = length > 0 ? u8[offset] : 0
  const start = sign === 45 || sign === 43 ? offset + 1 : offset
  const end = offset + length
  if (start === end || end - start > 15) return false
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = u8[at] - 48
    if (digit < 0 || digit > 9) return false
    value = value * 10 + digit
  }
  // Not −0: it is the text of an integer.
  parsedDigits[0] = sign === 45 ? 0 - value : value
  return true
}
