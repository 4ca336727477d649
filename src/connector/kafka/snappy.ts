/** Snappy: blocks as Google's format description has them, and the framing (`\x82SNAPPY\0`) that Java clients put around them. */
const FRAME_MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]
const FRAME_HEADER_BYTES = 16

/**
 * Unpacks into the memory that `room` gives for so many bytes, and says how many there are. Throws RangeError for what is no snappy.
 */
export const snappyDecode = (bytes: Uint8Array, room: (bytes: number) => Uint8Array): number => {
  const source = runOf(bytes)
  const { length } = source.bytes
  if (!FRAME_MAGIC.every((byte, i) => bytes[i] === byte)) {
    const total = lengthOf(source.bytes, 0, length)
    decodeBlock(source, 0, length, runOf(room(total)), 0)
    return total
  }
  let total = 0
  eachFrame(source.bytes, (from, end) => {
    total += lengthOf(source.bytes, from, end)
  })
  const target = runOf(room(total))
  let to = 0
  eachFrame(source.bytes, (from, end) => {
    to = decodeBlock(source, from, end, target, to)
  })
  return total
}

/** Bytes, and the same by words at any place. */
interface Run {
  readonly bytes: Uint8Array
  readonly words: DataView
}

/** Plain views: those of a Buffer cost much more to make. */
const runOf = ({ buffer, byteOffset, length }: Uint8Array): Run => ({
  bytes: new Uint8Array(buffer, byteOffset, length),
  words: new DataView(buffer, byteOffset, length),
})

const eachFrame = (source: Uint8Array, visit: (from: number, end: number) => void): void => {
  for (let at = FRAME_HEADER_BYTES; at < source.length; ) {
    const size = ((source[at] << 24) | (source[at + 1] << 16) | (source[at + 2] << 8) | source[at + 3]) >>> 0
    const from = at + 4
    if (from + size > source.length) throw new RangeError('a snappy frame that ends too early')
    visit(from, from + size)
    at = from + size
  }
}

/** The length that a block says it has. */
const lengthOf = (source: Uint8Array, from: number, end: number): number => {
  let length = 0
  for (let at = from, shift = 0; ; shift += 7) {
    if (at >= end || shift > 28) throw new RangeError('a snappy block without a length')
    const byte = source[at++]
    length += (byte & 127) * 2 ** shift
    if (byte < 128) break
  }
  // A byte of a copy element makes at most 64 bytes: a length beyond that would only cost memory.
  if (length > (end - from) * 64) throw new RangeError(`a snappy block of ${end - from} bytes that claims ${length}`)
  return length
}

/** Up to here a loop is faster than the platform's copy, which needs a view. */
const LOOP_BYTES = 64

/**
 * Unpacks one block to `target` from `to` on; gives where it ends there. Most pieces are short: they are copied by words where there is
 * room for what a word writes too much, which the next piece overwrites. That halves the time, to some 1 ns a byte.
 */
const decodeBlock = (
  { bytes: source, words: sourceWords }: Run,
  from: number,
  end: number,
  { bytes: target, words }: Run,
  to: number,
): number => {
  const start = to
  const length = lengthOf(source, from, end)
  const limit = to + length
  const wordLimit = target.length - 4
  let at = from
  while (source[at] >= 128) at++
  at++
  while (at < end) {
    const tag = source[at++]
    if ((tag & 3) === 0) {
      let size = (tag >> 2) + 1
      if (size > 60) {
        const extra = size - 60
        size = 1
        for (let i = 0; i < extra; i++) size += source[at + i] * 2 ** (8 * i)
        at += extra
      }
      if (at + size > end || to + size > limit) throw new RangeError('a snappy literal that does not fit')
      if (size > LOOP_BYTES) target.set(source.subarray(at, at + size), to)
      else if (at + size + 4 <= end && to + size <= wordLimit)
        for (let i = 0; i < size; i += 4) words.setInt32(to + i, sourceWords.getInt32(at + i))
      else for (let i = 0; i < size; i++) target[to + i] = source[at + i]
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
    if (distance === 0 || distance > to - start || to + size > limit || at > end) throw new RangeError('a snappy copy that does not fit')
    const back = to - distance
    // Source and target may overlap: what is copied may have been written by the same copy, but not by the same word.
    if (distance >= 4 && to + size <= wordLimit) for (let i = 0; i < size; i += 4) words.setInt32(to + i, words.getInt32(back + i))
    else for (let i = 0; i < size; i++) target[to + i] = target[back + i]
    to += size
  }
  if (to !== limit) throw new RangeError(`a snappy block of ${to - start} bytes that claims ${length}`)
  return to
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
