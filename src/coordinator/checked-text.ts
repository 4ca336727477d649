import { crc32 } from 'node:zlib'
import { EngineError } from '../base/errors.ts'

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

const hex = (crc: number): string => crc.toString(16).padStart(8, '0')
