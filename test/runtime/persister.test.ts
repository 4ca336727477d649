import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Doorbell, initRing, RingWriter, ringBytes } from 'native-free-buffers'
import { afterAll, describe, expect, test } from 'vitest'
import { RingChanges } from '../../src/runtime/change-channel.ts'
import { ChangeWriter } from '../../src/runtime/change-writer.ts'
import { Persister, type PersisterReply } from '../../src/runtime/persister.ts'
import type { RingSpec } from '../../src/runtime/task-spec.ts'
import { mergeStateFiles, type PlacedFile } from '../../src/state/merge-state.ts'
import { ChangeList, hex, type StoredEntry } from '../state/change-list.ts'
import { type SeededRandom, seededRandom, seeds } from '../support/random.ts'

// Goal: what tasks log reaches the files whole, in order and in its own epoch, also when rings are full all the time; a disk that fails is
// reported once and holds nobody up; a merge lets epochs through. Method: the persister on this thread, over rings of 1 KB, step by step.

const root = mkdtempSync(join(tmpdir(), 'walkway-persister-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const bells = new SharedArrayBuffer(256)

const smallRing = (): RingSpec => {
  const buffer = new SharedArrayBuffer(ringBytes(1024))
  initRing(buffer, 0, { capacity: 1024 })
  return { buffer, offset: 0 }
}

const channelOf = (ring: RingSpec): RingChanges => new RingChanges(new RingWriter(ring.buffer, ring.offset), new Doorbell(bells, 0))

let attempts = 0

const persisterOf = (rings: readonly RingSpec[], folder = root): { persister: Persister; replies: PersisterReply[] } => {
  const replies: PersisterReply[] = []
  const spec = { folder, attempt: `a${attempts++}`, rings, bells, bell: 0 }
  return { persister: new Persister(spec, reply => replies.push(reply)), replies }
}

const put = (logs: readonly { put: ChangeList['put'] }[], key: Uint8Array, value: Uint8Array): void => {
  for (const log of logs) log.put(key[0], key, 0, key.length, value, 0, value.length)
}

const keyOf = (operator: number, n: number): Uint8Array => Uint8Array.of(n, operator, n & 3)

const randomValue = (random: SeededRandom): Uint8Array =>
  // Now and then far larger than the ring, and than a chunk.
  Uint8Array.from({ length: random.below(20) === 0 ? random.below(40_000) : random.below(60) }, () => random.below(256))

const contentsOf = (files: readonly PlacedFile[]): string[] => {
  const entries: string[] = []
  mergeStateFiles(files, (hash, bytes, keyOffset, keyLength, valueOffset, valueLength) => {
    const [key, value] = [bytes.subarray(keyOffset, keyOffset + keyLength), bytes.subarray(valueOffset, valueOffset + valueLength)]
    entries.push(`${hash} ${hex(key)} ${hex(value)}`)
  })
  return entries.sort()
}

const modelOf = (lists: readonly ChangeList[]): string[] => {
  const entries = new Map<string, StoredEntry>()
  for (const list of lists) list.applyTo(entries)
  return [...entries.values()].map(({ hash, key, value }) => `${hash} ${hex(key)} ${hex(value)}`).sort()
}

describe.each(seeds(30))('seed %i', seed => {
  test('files hold what the tasks of several hosts logged, each epoch its own', () => {
    const random = seededRandom(seed)
    const rings = [smallRing(), smallRing()]
    const channels = rings.map(channelOf)
    const { persister, replies } = persisterOf(rings)
    // Operator 1 has a task on each host, 2 and 3 live on one.
    const tasks = [
      { host: 0, operator: 1, keys: [0, 1, 2] },
      { host: 1, operator: 1, keys: [3, 4, 5] },
      { host: 0, operator: 2, keys: [6, 7] },
      { host: 1, operator: 3, keys: [8, 9] },
    ].map(task => {
      const writers = [0, 1].map(() => new ChangeWriter(channels[task.host], task.operator))
      return { ...task, current: writers[0], spare: writers[1], lists: [] as ChangeList[] }
    })
    const files: PlacedFile[] = []
    for (const task of tasks) task.current.begin(0)
    for (let epoch = 0; epoch < 5; epoch++) {
      const written = new Set<string>()
      for (const task of tasks) {
        const list = new ChangeList()
        task.lists.push(list)
        // The epoch after begins before this one is written.
        const sealed = task.current
        task.spare.begin(epoch + 1)
        task.current = task.spare
        task.spare = sealed
        for (const n of task.keys) {
          if (random.below(3) > 0) put([sealed, list], keyOf(task.operator, n), randomValue(random))
          else if (random.below(3) === 0) {
            const key = keyOf(task.operator, n)
            for (const log of [sealed, list]) log.delete(key[0], key, 0, key.length)
          } else continue
          written.add(`${epoch}-${task.operator}`)
          if (random.below(3) === 0) persister.step()
        }
        sealed.finish()
      }
      while (!channels.map(channel => channel.flush()).every(Boolean)) persister.step()
      persister.command({ kind: 'finish', epoch, durable: random.below(2) === 0 }, () => {})
      const reply = replies.pop()
      expect(replies).toEqual([])
      if (reply?.kind !== 'finished') throw new Error(`seed ${seed}: ${JSON.stringify(reply)}`)
      expect(reply.epoch).toBe(epoch)
      expect(reply.files.map(file => `${file.epoch}-${file.operatorId}`).sort()).toEqual([...written].sort())
      for (const file of reply.files) files.push({ path: join(root, file.name), file })
      for (const operator of [1, 2, 3]) {
        const own = tasks.filter(task => task.operator === operator)
        expect(contentsOf(files.filter(({ file }) => file.operatorId === operator))).toEqual(
          own.flatMap(task => modelOf(task.lists)).sort(),
        )
      }
    }
  })
})

test('the persister is woken when a ring is a quarter full, and whenever something waits for room', () => {
  const word = new Int32Array(new SharedArrayBuffer(4))
  const parked = 1
  const ring = smallRing()
  const channel = new RingChanges(new RingWriter(ring.buffer, ring.offset), new Doorbell(word.buffer, 0))
  word[0] = parked
  channel.send(1, 0, new Uint8Array(150), 150)
  expect(word[0]).toBe(parked)
  channel.send(1, 0, new Uint8Array(150), 150)
  expect(word[0]).not.toBe(parked)
  channel.send(1, 0, new Uint8Array(2000), 2000)
  word[0] = parked
  expect(channel.flush()).toBe(false)
  expect(word[0]).not.toBe(parked)
})

test('a folder that takes no files fails the epoch by name, and no task waits for it', () => {
  const ring = smallRing()
  const channel = channelOf(ring)
  const folder = join(root, 'gone')
  const { persister, replies } = persisterOf([ring], folder)
  const writer = new ChangeWriter(channel, 1)
  for (const epoch of [4, 5]) {
    writer.begin(epoch)
    put([writer], Uint8Array.of(1), new Uint8Array(50_000))
    writer.finish()
    while (!channel.flush()) expect(persister.step()).toBe(true)
    persister.command({ kind: 'finish', epoch, durable: true }, () => {})
    const reply = replies.pop()
    expect(reply).toMatchObject({ kind: 'failed', epoch, error: { code: 'CHECKPOINT_FAILED' } })
    expect(JSON.stringify(reply)).toContain(folder)
  }
  expect(replies).toEqual([])
  // An epoch without changes needs no file.
  persister.command({ kind: 'finish', epoch: 6, durable: true }, () => {})
  expect(replies).toEqual([{ kind: 'finished', epoch: 6, files: [] }])
})

test('an epoch is written while a merge is under way', () => {
  const ring = smallRing()
  const channel = channelOf(ring)
  const { persister, replies } = persisterOf([ring])
  const writer = new ChangeWriter(channel, 1)
  const lists: ChangeList[] = []
  const files: PlacedFile[] = []
  const write = (epoch: number, entries: number): void => {
    const list = new ChangeList()
    lists.push(list)
    writer.begin(epoch)
    for (let i = 0; i < entries; i++) {
      put([writer, list], Uint8Array.of(i & 255, i >> 8, epoch & 1), Uint8Array.of(epoch, i & 255))
      channel.flush()
      persister.step()
    }
    writer.finish()
    while (!channel.flush()) persister.step()
  }
  for (const epoch of [0, 1, 2]) {
    write(epoch, 6000)
    persister.command({ kind: 'finish', epoch, durable: false }, () => {})
    const reply = replies.pop()
    if (reply?.kind !== 'finished') throw new Error(JSON.stringify(reply))
    files.push(...reply.files.map(file => ({ path: join(root, file.name), file })))
  }
  let looks = 0
  const look = (): void => {
    if (looks++ > 0) return
    write(3, 10)
    persister.command({ kind: 'finish', epoch: 3, durable: false }, () => {})
  }
  persister.command({ kind: 'merge', files, path: join(root, 'merged.state'), name: 'merged.state' }, look)
  expect(looks).toBeGreaterThan(2)
  expect(replies.map(({ kind }) => kind)).toEqual(['finished', 'merged'])
  const merged = replies[1]
  if (merged.kind !== 'merged' || merged.file === null) throw new Error(JSON.stringify(merged))
  expect(merged.file).toMatchObject({ operatorId: 1, epoch: 2, name: 'merged.state' })
  expect(contentsOf([{ path: join(root, merged.file.name), file: merged.file }])).toEqual(modelOf(lists.slice(0, 3)))
  // One that cannot be read ends in an answer, not in the thread's death, and leaves nothing behind.
  writeFileSync(files[1].path, 'rubbish')
  persister.command({ kind: 'merge', files, path: join(root, 'again.state'), name: 'again.state' }, () => {})
  expect(replies[2]).toEqual({ kind: 'merged', name: 'again.state', file: null })
})

test('files of the logs appear one after another; from the first that cannot be written on none does', () => {
  const { persister, replies } = persisterOf([])
  const text = (name: string): { path: string; text: string; durability: 'renamed' } => ({
    path: join(root, name),
    text: `text of ${name}`,
    durability: 'renamed',
  })
  persister.command({ kind: 'write', request: 1, files: [text('a'), text('b')] }, () => {})
  expect(replies.pop()).toEqual({ kind: 'written', request: 1, error: null })
  for (const name of ['a', 'b']) expect(readFileSync(join(root, name), 'utf8')).toBe(`text of ${name}`)
  persister.command({ kind: 'write', request: 2, files: [text('c'), text('none/d'), text('e')] }, () => {})
  const reply = replies.pop()
  expect(reply).toMatchObject({ kind: 'written', request: 2, error: { code: 'CHECKPOINT_FAILED' } })
  expect(JSON.stringify(reply)).toContain(join(root, 'none/d'))
  expect([existsSync(join(root, 'c')), existsSync(join(root, 'e')), existsSync(join(root, 'c.tmp'))]).toEqual([true, false, false])
})
