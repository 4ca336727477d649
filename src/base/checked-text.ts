import { crc32 } from 'node:zlib'
import { EngineError } from './errors.ts'

const MARK = '\ncrc32 '

/** A text with its checksum as the last line, so that one changed byte is noticed. */
export const sealText = (text: string): string => `${text}${MARK}${hex(crc32(text))}\n`

/** The text, without its checksum. Throws CHECKPOINT_DAMAGED. */
export const unsealText = (path: string, sealed: string): string => {
  const at = sealed.lastIndexOf(MARK)
  if (at < 0 || !sealed.endsWith('\n')) throw new EngineError('CHECKPOINT_DAMAGED', { path, reason: 'it is not whole' })
  const text = sealed.slice(0, at)
  if (sealed.slice(at + MARK.length, -1) !== hex(crc32(text)))
    throw new EngineError('CHECKPOINT_DAMAGED', { path, reason: 'its checksum does not fit' })
  return text
}

/**
 * A file of JSON objects that only grows, one a line. Each line ends with a checksum over it and all lines before, so that a changed or a
 * missing one is noticed wherever it is.
 */
export class CheckedLines {
  #crc = 0
  /** How much of the file the lines so far take. */
  bytes = 0

  /** What to append for an object; it must have a member. */
  seal(entry: object): string {
    const text = JSON.stringify(entry)
    this.#crc = crc32(text, this.#crc)
    const line = `${text.slice(0, -1)},"crc32":"${hex(this.#crc)}"}\n`
    this.bytes += Buffer.byteLength(line)
    return line
  }

  /**
   * The objects of a file. A last line that is not whole was never used, because what names it is written after it is synced: it is left
   * out. Throws CHECKPOINT_DAMAGED.
   */
  unseal(path: string, file: string): object[] {
    const lines = file.split('\n').slice(0, -1)
    return lines.map((line, i) => {
      const match = /^(\{.*),"crc32":"([0-9a-f]{8})"\}$/.exec(line)
      const text = match === null ? '' : `${match[1]}}`
      this.#crc = crc32(text, this.#crc)
      if (match === null || match[2] !== hex(this.#crc))
        throw new EngineError('CHECKPOINT_DAMAGED', { path, reason: `the checksum of line ${i + 1} does not fit` })
      this.bytes += Buffer.byteLength(line) + 1
      return JSON.parse(text) as object
    })
  }
}

const hex = (crc: number): string => crc.toString(16).padStart(8, '0')
