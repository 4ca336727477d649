/** Snappy: blocks as Google's format description has them, and the framing (`\x82SNAPPY\0`) that Java clients put around them. */
const FRAME_MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]
const FRAME_HEADER_BYTES = 16

/** Throws RangeError for what is no snappy. */
export const snappyDecode = (bytes: Uint8Array): Uint8Array => {
  if (!FRAME_MAGIC.every((byte, i) => bytes[i] === byte)) return decodeBlock(bytes)
  const blocks: Uint8Array[] = []
  for (let at = FRAME_HEADER_BYTES; at < bytes.length; ) {
    const size = ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0
    if (at + 4 + size > bytes.length) throw new RangeError('a snappy frame that ends too early')
    blocks.push(decodeBlock(bytes.subarray(at + 4, at + 4 + size)))
    at += 4 + size
  }
  return blocks.length === 1 ? blocks[0] : Buffer.concat(blocks)
}

const decodeBlock = (source: Uint8Array): Uint8Array => {
  let at = 0
  let length = 0
  for (let shift = 0; ; shift += 7) {
    if (at >= source.length || shift > 28) throw new RangeError('a snappy block without a length')
    const byte = source[at++]
    length += (byte & 127) * 2 ** shift
    if (byte < 128) break
  }
  // A byte of a copy element makes at most 64 bytes: a length beyond that would only cost memory.
  if (length > source.length * 64) throw new RangeError(`a snappy block of ${source.length} bytes that claims ${length}`)
  const target = new Uint8Array(length)
  let to = 0
  while (at < source.length) {
    const tag = source[at++]
    if ((tag & 3) === 0) {
      let size = (tag >> 2) + 1
      if (size > 60) {
        const extra = size - 60
        size = 0
        for (let i = 0; i < extra; i++) size += source[at + i] * 2 ** (8 * i)
        size += 1
        at += extra
      }
      if (at + size > source.length || to + size > length) throw new RangeError('a snappy literal that does not fit')
      target.set(source.subarray(at, at + size), to)
      at += size
      to += size
      continue
    }
    let size: number
    let distance: number
    if ((tag & 3) === 1) {
      size = ((tag >> 2) & 7) + 4
      distance = ((tag >> 5) << 8) | source[at++]
    } else if ((tag & 3) === 2) {
      size = (tag >> 2) + 1
      distance = source[at] | (source[at + 1] << 8)
      at += 2
    } else {
      size = (tag >> 2) + 1
      distance = (source[at] | (source[at + 1] << 8) | (source[at + 2] << 16) | (source[at + 3] << 24)) >>> 0
      at += 4
    }
    if (distance === 0 || distance > to || to + size > length || at > source.length) throw new RangeError('a snappy copy that does not fit')
    // Source and target may overlap: byte by byte.
    for (let i = 0; i < size; i++) target[to + i] = target[to - distance + i]
    to += size
  }
  if (to !== length) throw new RangeError(`a snappy block of ${to} bytes that claims ${length}`)
  return target
}

const HASH_BITS = 14
const BLOCK_BYTES = 65_536

/** One raw block, which every client reads. Greedy matching within pieces of 64 KB, as the reference encoder does. */
export const snappyEncode = (source: Uint8Array): Uint8Array => {
  const target = new Uint8Array(32 + source.length + Math.ceil(source.length / 6))
  let to = 0
  for (let n = source.length; ; n = Math.floor(n / 128)) {
    target[to++] = n >= 128 ? (n & 127) | 128 : n
    if (n < 128) break
  }
  const table = new Int32Array(1 << HASH_BITS)
  const word = (i: number): number => source[i] | (source[i + 1] << 8) | (source[i + 2] << 16) | (source[i + 3] << 24)
  const literal = (from: number, until: number): void => {
    const size = until - from - 1
    if (size < 0) return
    if (size < 60) target[to++] = size << 2
    else if (size < 256) {
      target[to++] = 60 << 2
      target[to++] = size
    } else {
      target[to++] = 61 << 2
      target[to++] = size & 255
      target[to++] = size >> 8
    }
    target.set(source.subarray(from, until), to)
    to += until - from
  }
  for (let start = 0; start < source.length; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, source.length)
    table.fill(-1)
    let from = start
    let i = start
    while (i + 4 <= end) {
      const bytes = word(i)
      const slot = Math.imul(bytes, 0x1e35a7bd) >>> (32 - HASH_BITS)
      const candidate = table[slot]
      table[slot] = i
      if (candidate < start || word(candidate) !== bytes) {
        i++
        continue
      }
      literal(from, i)
      let size = 4
      while (i + size < end && source[candidate + size] === source[i + size]) size++
      const distance = i - candidate
      i += size
      for (; size > 0; ) {
        const piece = Math.min(size, 64)
        target[to++] = ((piece - 1) << 2) | 2
        target[to++] = distance & 255
        target[to++] = distance >> 8
        size -= piece
      }
      from = i
    }
    literal(from, end)
  }
  return target.subarray(0, to)
}
