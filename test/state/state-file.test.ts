import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { EngineError } from '../../src/base/errors.ts'
import { newLoad } from '../../src/base/thread-load.ts'
import { KeyedStore, TAG_OFFSET } from '../../src/state/keyed-store.ts'
import { estimateEntries, mergeStateFiles } from '../../src/state/merge-state.ts'
import mergeWorker from '../../src/state/merge-worker.ts'
import { type StateFile, stateHeader, stateTrailer, updateCrc, visitStateFile } from '../../src/state/state-file.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'
import { ChangeList, hex, type StoredEntry } from './change-list.ts'

// Goal: state files lead to the state that was, or are refused by name. Method: random epochs against a Map, read alone, merged, and merged
// in steps; then a small file cut at each length and with each byte changed.

const folder = mkdtempSync(join(tmpdir(), 'walkway-state-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Placed = { readonly path: string; readonly file: StateFile }

let count = 0

const writeFile = (log: ChangeList, epoch: number): Placed => {
  const body = log.bytes()
  const crc = updateCrc(0, body)
  const bytes = Buffer.concat([stateHeader(), body, stateTrailer(crc)])
  const name = `${count++}.state`
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return { path, file: { operatorId: 0, task: 't', epoch, name, bytes: bytes.length, crc } }
}

/** `knows`: whoever reads says itself which entries it has, as a restore does. */
const contentsOf = (files: readonly Placed[], knows = false): Map<string, StoredEntry> => {
  const entries = new Map<string, StoredEntry>()
  mergeStateFiles(
    files,
    (hash, bytes, keyOffset, keyLength, valueOffset, valueLength) => {
      const key = bytes.slice(keyOffset, keyOffset + keyLength)
      expect(entries.has(hex(key))).toBe(false)
      entries.set(hex(key), { hash, key, value: bytes.slice(valueOffset, valueOffset + valueLength) })
    },
    undefined,
    knows
      ? {
          holds: (_hash, bytes, keyOffset, keyLength) => entries.has(hex(bytes.subarray(keyOffset, keyOffset + keyLength))),
          touch: () => {},
        }
      : null,
  )
  return entries
}

const asText = (entries: ReadonlyMap<string, StoredEntry>): string[] =>
  [...entries].map(([name, { hash, value }]) => `${name} ${hash} ${hex(value)}`).sort()

const randomEpoch = (random: SeededRandom, live: Set<number>): ChangeList => {
  const log = new ChangeList()
  const keyOf = (n: number): Uint8Array => new TextEncoder().encode('k'.repeat(n % 5) + String(n))
  const touched = new Set<number>()
  for (let i = random.below(12); i > 0; i--) {
    const n = random.below(20)
    if (touched.has(n)) continue
    touched.add(n)
    const key = keyOf(n)
    if (live.has(n) && random.below(2) === 0) {
      log.delete(n & 3, key, 0, key.length)
      live.delete(n)
      if (random.below(3) > 0) continue
    }
    const value = Uint8Array.from({ length: random.below(20) }, () => random.below(256))
    log.put(n & 3, key, 0, key.length, value, 0, value.length)
    live.add(n)
  }
  return log
}

describe.each(seeds(2))('a store of many keys, seed %i', seed => {
  test('comes back as it was, whatever was changed, removed, and longer than what is read at once', () => {
    const random = seededRandom(seed)
    const options = { valueBytes: 8, varSlots: [4], timed: false }
    const original = new KeyedStore(options)
    const live = new Map<number, number>()
    const key = new Uint8Array(12)
    const words = new Int32Array(key.buffer)
    const hashOf = (n: number): number => Math.imul(n, 0x9e3779b1) ^ (n & 1)
    const files: Placed[] = []
    const lengthOf = (n: number): number => 4 + 4 * (n % 3)
    const locate = (n: number): void => {
      words.set([n, n, n])
    }
    let log = new ChangeList()
    original.log = log
    for (let epoch = 0; epoch < 4; epoch++) {
      for (let i = epoch === 1 ? 30_000 : 3000; i > 0; i--) {
        const n = random.below(40_000)
        locate(n)
        let handle = live.get(n)
        if (handle !== undefined && random.below(3) === 0) {
          original.remove(handle)
          live.delete(n)
          continue
        }
        handle ??= original.insert(hashOf(n), key, 0, lengthOf(n), 0)
        live.set(n, handle)
        const at = original.valueOffset(lengthOf(n))
        const { i32 } = original.arena.segments[handle >>> original.arena.segmentShift]
        if (i32[(((handle & original.arena.handleMask) << 3) + TAG_OFFSET) >> 2] !== original.tag) original.markDirty(handle)
        i32[(((handle & original.arena.handleMask) << 3) + at) >> 2] = random.below(2 ** 30)
        const bytes = new Uint8Array(random.below(2000) === 0 ? 100_000 + random.below(400_000) : random.below(20))
        bytes.fill(random.below(256))
        original.bytes.set(handle, at + 4, bytes, 0, bytes.length)
      }
      const next = new ChangeList()
      original.beginSeal(next)
      original.sealSlice(Number.POSITIVE_INFINITY)
      files.push(writeFile(log, epoch))
      log = next
    }
    const restored = new KeyedStore(options)
    const expected = estimateEntries(files)
    expect(expected).toBeGreaterThan(1000)
    restored.expect(expected)
    mergeStateFiles(
      files,
      (hash, bytes, keyOffset, keyLength, valueOffset, valueLength) => {
        restored.restore(hash, bytes, keyOffset, keyLength, bytes, valueOffset, valueLength)
      },
      undefined,
      restored,
    )
    expect(restored.size).toBe(live.size)
    const wholeOf = (store: KeyedStore): string => {
      const list = new ChangeList()
      store.log = list
      store.beginSeal(null)
      store.sealSlice(Number.POSITIVE_INFINITY)
      const all = new ChangeList()
      store.log = all
      for (const n of [...live.keys()].sort((a, b) => a - b)) {
        locate(n)
        const handle = store.index.find(hashOf(n), key, 0, lengthOf(n))
        if (handle === 0) throw new Error(`key ${n} is not there`)
        store.markDirty(handle)
      }
      store.beginSeal(null)
      store.sealSlice(Number.POSITIVE_INFINITY)
      return createHash('sha256').update(all.bytes()).digest('hex')
    }
    expect(wholeOf(restored)).toBe(wholeOf(original))
  })
})

describe.each(seeds(40))('seed %i', seed => {
  test('files of many epochs lead to what their operations led to, alone, merged, and merged again', () => {
    const random = seededRandom(seed)
    const [live, model] = [new Set<number>(), new Map<string, StoredEntry>()]
    let files: Placed[] = []
    for (let epoch = 0; epoch < 12; epoch++) {
      const log = randomEpoch(random, live)
      log.applyTo(model)
      files.push(writeFile(log, epoch))
      expect(asText(contentsOf(files))).toEqual(asText(model))
      expect(asText(contentsOf(files, true))).toEqual(asText(model))
      if (random.below(4) > 0) continue
      // Only a run of files that begins with the oldest may be merged: deletions are dropped.
      const merged = files.slice(0, 1 + random.below(files.length))
      const name = `merged-${count++}.state`
      const file = mergeWorker({ files: merged, path: join(folder, name), name, load: newLoad() })
      expect(file.epoch).toBe(merged.at(-1)?.file.epoch)
      files = [{ path: join(folder, name), file }, ...files.slice(merged.length)]
      expect(asText(contentsOf(files))).toEqual(asText(model))
    }
  })
})

describe('a damaged state file', () => {
  const log = new ChangeList()
  const key = new TextEncoder().encode('key')
  log.put(17, key, 0, key.length, Uint8Array.of(1, 2, 3), 0, 3)
  log.delete(18, Uint8Array.of(9), 0, 1)
  const crc = updateCrc(0, log.bytes())
  const whole = Buffer.concat([stateHeader(), log.bytes(), stateTrailer(crc)])
  const path = join(folder, 'small.state')
  const file: StateFile = { operatorId: 0, task: 't', epoch: 0, name: 'small.state', bytes: whole.length, crc }
  const nothing = { put: () => {}, delete: () => {} }

  const faultOf = (bytes: Uint8Array, expected = file): EngineError => {
    writeFileSync(path, bytes)
    let visited = 0
    try {
      visitStateFile(path, expected, { put: () => visited++, delete: () => visited++ })
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      expect(visited).toBe(0)
      return error
    }
    throw new Error('a damaged file was read')
  }

  test('is read when it is whole', () => {
    writeFileSync(path, whole)
    const seen: string[] = []
    visitStateFile(path, file, {
      put: (hash, bytes, k, kl, v, vl) => void seen.push(`put ${hash} ${hex(bytes.subarray(k, k + kl))} ${hex(bytes.subarray(v, v + vl))}`),
      delete: (hash, bytes, k, kl) => void seen.push(`delete ${hash} ${hex(bytes.subarray(k, k + kl))}`),
    })
    expect(seen).toEqual([`put 17 ${hex(key)} 010203`, 'delete 18 09'])
  })

  test('is refused at each length but its own, whatever the manifest says of its size', () => {
    for (let length = 0; length < whole.length; length++) {
      for (const bytes of [whole.length, length]) {
        const fault = faultOf(whole.subarray(0, length), { ...file, bytes })
        expect(fault.code).toBe('CHECKPOINT_DAMAGED')
        expect(fault.message).toContain(path)
      }
    }
    expect(faultOf(Buffer.concat([whole, Uint8Array.of(0)])).code).toBe('CHECKPOINT_DAMAGED')
  })

  test('is refused with any bit of any byte changed', () => {
    for (let at = 0; at < whole.length; at++) {
      for (const bit of [1, 0x80]) {
        const bytes = Buffer.from(whole)
        bytes[at] ^= bit
        const fault = faultOf(bytes)
        expect(fault.code).toBe('CHECKPOINT_DAMAGED')
        expect(fault.message).toContain(path)
      }
    }
  })

  test('is refused when it is another file than the manifest means', () => {
    expect(faultOf(whole, { ...file, crc: crc ^ 1 }).message).toContain('checksum')
  })

  test('is refused when its checksum fits but its last record is cut', () => {
    const body = log.bytes().subarray(0, -1)
    const ownCrc = updateCrc(0, body)
    const bytes = Buffer.concat([stateHeader(), body, stateTrailer(ownCrc)])
    writeFileSync(path, bytes)
    expect(() => visitStateFile(path, { ...file, bytes: bytes.length, crc: ownCrc }, nothing)).toThrow('is not whole')
  })

  test('is refused by name when it is missing', () => {
    const gone = join(folder, 'gone.state')
    expect(() => visitStateFile(gone, file, nothing)).toThrow(
      `[CHECKPOINT_DAMAGED] The checkpoint file ${gone} is damaged: it cannot be read`,
    )
  })
})
