import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { STATE_HEADER_BYTES, STATE_TRAILER_BYTES, stateHeader, stateTrailer, updateCrc } from './state-file.ts'

const BUFFER_BYTES = 256 * 1024

/** Writes one state file, piece by piece, on a thread that may block. What the disk refuses is thrown as it is. */
export class StateFileWriter {
  readonly #handle: number
  #buffer: Uint8Array = new Uint8Array(BUFFER_BYTES)
  #used = 0
  #bytes = STATE_HEADER_BYTES
  #crc = 0

  constructor(path: string) {
    this.#handle = openSync(path, 'w')
    try {
      this.#write(stateHeader())
    } catch (error) {
      closeSync(this.#handle)
      throw error
    }
  }

  /** Where records may be written, from the offset that `room` returns. */
  get buffer(): Uint8Array {
    return this.#buffer
  }

  /** Makes room for so many bytes and takes them as written: the offset in `buffer` where the caller puts them, before its next call. */
  room(length: number): number {
    if (this.#used + length > this.#buffer.length) this.#flush()
    if (length > this.#buffer.length) this.#buffer = new Uint8Array(length)
    const at = this.#used
    this.#used += length
    return at
  }

  append(source: Uint8Array, from: number, length: number): void {
    const at = this.room(length)
    this.#buffer.set(source.subarray(from, from + length), at)
  }

  /** Waits until the disk has what was written. */
  sync(): void {
    this.#flush()
    fdatasyncSync(this.#handle)
  }

  /** Completes and closes the file, and with `durable` waits for the disk. Returns what a manifest says of it. */
  finish(durable: boolean): { readonly bytes: number; readonly crc: number } {
    try {
      this.#flush()
      this.#write(stateTrailer(this.#crc))
      if (durable) fdatasyncSync(this.#handle)
    } finally {
      closeSync(this.#handle)
    }
    return { bytes: this.#bytes + STATE_TRAILER_BYTES, crc: this.#crc }
  }

  /** Closes the file as it is. */
  abandon(): void {
    closeSync(this.#handle)
  }

  #flush(): void {
    const records = this.#buffer.subarray(0, this.#used)
    this.#crc = updateCrc(this.#crc, records)
    this.#bytes += this.#used
    this.#used = 0
    this.#write(records)
  }

  #write(bytes: Uint8Array): void {
    writeAllSync(this.#handle, bytes)
  }
}

/** A disk that is nearly full takes a part, and reports no error before the next write. */
export const writeAllSync = (handle: number, bytes: Uint8Array): void => {
  for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at, bytes.length - at)
}
