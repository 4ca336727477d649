// Loaded before a program (node --import): numbers every change to the disk below some folders and, at one of them, kills the process, or
// fails as a full disk does. FAULT_DISK: { folders, kill?: n, half?: boolean, full?: { from, until } }. At the exit the number of changes
// goes to stderr.
import { fsyncSync } from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const { folders, kill = 0, half = false, full = null } = JSON.parse(process.env.FAULT_DISK ?? '{"folders":[]}')
const paths = new WeakMap()
let step = 0

const isOurs = path => folders.some(folder => String(path).startsWith(folder))
const noSpace = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
const isFull = () => full !== null && step >= full.from && step < full.until
const log = text => process.env.FAULT_TRACE && process.stderr.write(`${text}\n`)
const next = (what, path) => {
  step++
  log(`${step} ${what} ${path}`)
  if (step === kill && !(half && what === 'write')) process.kill(process.pid, 'SIGKILL')
}

if (isMainThread && folders.length > 0) {
  for (const name of ['rename', 'rm', 'mkdir', 'writeFile', 'unlink', 'truncate']) {
    const call = promises[name]
    promises[name] = (...args) => {
      if (!isOurs(args[0])) return call(...args)
      next(name, args[0])
      if (isFull() && (name === 'mkdir' || name === 'writeFile')) return Promise.reject(noSpace())
      return call(...args)
    }
  }
  const { open } = promises
  const probe = await open(process.execPath, 'r')
  const { prototype } = probe.constructor
  await probe.close()
  promises.open = async (path, flags, ...rest) => {
    const writes = isOurs(path) && flags !== 'r' && flags !== undefined
    if (writes) {
      next('open', path)
      if (isFull()) throw noSpace()
    }
    const handle = await open(path, flags, ...rest)
    if (writes) paths.set(handle, path)
    return handle
  }
  const { write } = prototype
  prototype.write = async function (data, ...rest) {
    const path = paths.get(this)
    if (path === undefined) return write.call(this, data, ...rest)
    next('write', path)
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    const offset = typeof data === 'string' ? 0 : typeof rest[0] === 'number' ? rest[0] : 0
    const length = typeof data === 'string' ? bytes.length : typeof rest[1] === 'number' ? rest[1] : bytes.length - offset
    const part = async () => write.call(this, bytes, offset, length >> 1)
    if (step === kill && half) {
      await part()
      fsyncSync(this.fd)
      process.kill(process.pid, 'SIGKILL')
    }
    if (isFull()) {
      // A disk that fills takes what it can and says so; only the next write fails.
      if (length < 2 || step > full.from) throw noSpace()
      return part()
    }
    return write.call(this, data, ...rest)
  }
  for (const name of ['datasync', 'sync', 'close', 'truncate']) {
    const call = prototype[name]
    prototype[name] = function (...args) {
      const path = paths.get(this)
      if (path !== undefined) next(name, path)
      return call.apply(this, args)
    }
  }
  syncBuiltinESMExports()
  process.on('exit', () => process.stderr.write(`changes ${step}\n`))
}
