// Loaded before a program (node --import), in each of its threads: sees every change to the disk below some folders and, at one of them,
// kills the process, or fails as a full disk does. FAULT_DISK:
//   folders  what counts; a change is named by what is done and to which kind of file, as in `rename state/*.manifest.tmp`
//   kill     { step, nth, half, cut }: SIGKILL before the nth change of that name; half: in the middle of it, if it is a write; cut: the
//            power goes as well, and with it some of what was not synced, as this seed has it (for a program of one thread)
//   full     { match, from, until }: of the changes whose name matches, those from the one number to before the other find no room; each
//            is told on stderr
//   trace    each change goes to stderr
import fs from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads'
import { PowerCut } from './power-cut.mjs'

const { folders, kill = null, full = null, trace = false } = JSON.parse(process.env.FAULT_DISK ?? '{"folders":[]}')

// How many changes there were of what `kill` and `full` are about: one count for all threads.
if (isMainThread) setEnvironmentData('fault-disk', new SharedArrayBuffer(8))
const counts = new Int32Array(getEnvironmentData('fault-disk'))
const [KILL, FULL] = [0, 1]

/** The folder's number and the kind of file; null for what is not ours. */
const kindOf = path => {
  const folder = folders.find(candidate => String(path).startsWith(candidate))
  if (folder === undefined) return null
  const name = String(path).slice(folder.length + 1)
  return name
    .replace(/[\w.-]+\.state$/, '*.state')
    .replace(/part-[\w.-]+\.json$/, 'part-*.json')
    .replace(/(^|\/)(-1|\d+)(?=[./]|$)/g, '$1*')
    .replace(/lock\.[\w-]+$/, 'lock.*')
}

const noSpace = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })

/** A sequence of pseudo-random numbers: mulberry32. */
const randomOf = seed => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

const cut = kill?.cut === undefined ? null : new PowerCut(randomOf(kill.cut))
const die = () => {
  cut?.strike()
  process.kill(process.pid, 'SIGKILL')
}

const takesRoom = new Set(['mkdir', 'writeFile', 'open', 'write', 'link'])

/** Says what is to happen to a change: `half` kills after a part of a write, `full` finds no room. */
const next = (what, kind) => {
  const step = `${what} ${kind}`
  if (trace) fs.writeSync(2, `${step}\n`)
  if (kill?.step === step && Atomics.add(counts, KILL, 1) + 1 === (kill.nth ?? 1)) {
    if (kill.half === true && what === 'write') return 'half'
    die()
  }
  if (full === null || !new RegExp(full.match ?? '').test(step)) return 'done'
  const number = Atomics.add(counts, FULL, 1) + 1
  if (number < full.from || number >= (full.until ?? Number.POSITIVE_INFINITY)) return 'done'
  if (takesRoom.has(what)) fs.writeSync(2, `no room to ${step}\n`)
  return 'full'
}

/** The part of a write's arguments that says which bytes. */
const bytesOf = (data, rest) => {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  const offset = typeof data !== 'string' && typeof rest[0] === 'number' ? rest[0] : 0
  const length = typeof data !== 'string' && typeof rest[1] === 'number' ? rest[1] : bytes.length - offset
  return { bytes, offset, length }
}

if (folders.length > 0) {
  // By path
  for (const name of ['rename', 'rm', 'mkdir', 'writeFile', 'unlink', 'truncate', 'link']) {
    const call = promises[name]
    promises[name] = async (...args) => {
      const kind = kindOf(args[0])
      if (kind === null) return call(...args)
      if (next(name, kind) === 'full' && takesRoom.has(name)) throw noSpace()
      const note = name === 'writeFile' ? cut?.open(args[0], 'w') : (cut?.[name]?.(...args) ?? null)
      const result = await call(...args)
      note?.()
      return result
    }
    const callSync = fs[`${name}Sync`]
    fs[`${name}Sync`] = (...args) => {
      const kind = kindOf(args[0])
      if (kind !== null && next(name, kind) === 'full' && takesRoom.has(name)) throw noSpace()
      return callSync(...args)
    }
  }

  // By handle
  const kinds = new WeakMap()
  const paths = new WeakMap()
  const { open } = promises
  const probe = await open(process.execPath, 'r')
  const { prototype } = probe.constructor
  await probe.close()
  promises.open = async (path, flags, ...rest) => {
    const kind = flags === 'r' || flags === undefined ? null : kindOf(path)
    if (kind !== null && next('open', kind) === 'full') throw noSpace()
    const note = kind === null ? null : cut?.open(path, flags)
    const handle = await open(path, flags, ...rest)
    note?.()
    if (kind !== null) kinds.set(handle, kind)
    if (kindOf(path) !== null) paths.set(handle, path)
    return handle
  }
  const { write } = prototype
  prototype.write = async function (data, ...rest) {
    const kind = kinds.get(this)
    if (kind === undefined) return write.call(this, data, ...rest)
    const { bytes, offset, length } = bytesOf(data, rest)
    const fate = next('write', kind)
    if (fate === 'half') {
      await write.call(this, bytes, offset, length >> 1)
      die()
    }
    if (fate === 'done') return write.call(this, bytes, offset, length)
    // A disk that fills takes what it can and says so; only the next write fails.
    if (length < 2 || Atomics.load(counts, FULL) > full.from) throw noSpace()
    return write.call(this, bytes, offset, length >> 1)
  }
  for (const name of ['datasync', 'sync', 'truncate']) {
    const call = prototype[name]
    prototype[name] = async function (...args) {
      const kind = kinds.get(this)
      if (kind !== undefined) next(name, kind)
      const result = await call.apply(this, args)
      if (name !== 'truncate' && paths.has(this)) cut?.sync(paths.get(this))
      return result
    }
  }

  // By number
  const numbers = new Map()
  const { openSync, writeSync } = fs
  fs.openSync = (path, flags, ...rest) => {
    const kind = flags === 'r' || flags === undefined ? null : kindOf(path)
    if (kind !== null && next('open', kind) === 'full') throw noSpace()
    const number = openSync(path, flags, ...rest)
    if (kind === null) numbers.delete(number)
    else numbers.set(number, kind)
    return number
  }
  fs.writeSync = (number, data, ...rest) => {
    const kind = numbers.get(number)
    if (kind === undefined) return writeSync(number, data, ...rest)
    const { bytes, offset, length } = bytesOf(data, rest)
    const fate = next('write', kind)
    if (fate === 'half') {
      writeSync(number, bytes, offset, length >> 1)
      die()
    }
    if (fate === 'done') return writeSync(number, bytes, offset, length)
    if (length < 2 || Atomics.load(counts, FULL) > full.from) throw noSpace()
    return writeSync(number, bytes, offset, length >> 1)
  }
  for (const name of ['fdatasync', 'fsync', 'close', 'ftruncate']) {
    const call = fs[`${name}Sync`]
    fs[`${name}Sync`] = (number, ...rest) => {
      const kind = numbers.get(number)
      if (kind !== undefined) next(name.replace(/^f/, ''), kind)
      if (name === 'close') numbers.delete(number)
      return call(number, ...rest)
    }
  }
  syncBuiltinESMExports()
}
