import { Worker } from 'node:worker_threads'

// A thread that never returns to its event loop fills an arena and a key index, frees all of it, and says now and then that it has; that
// three times, and each time a little that is allocated in between stays. Prints the process's memory at its height and at the end.

const source = `
  const { workerData } = require('node:worker_threads')
  import(workerData.module).then(({ Arena, KeyIndex, collectDropped }) => {
    const arena = new Arena()
    const index = new KeyIndex(arena)
    const word = new Int32Array(new SharedArrayBuffer(4))
    const megabytes = () => process.memoryUsage.rss() / 1e6
    const kept = []
    const key = new Uint8Array(8)
    const words = new Int32Array(key.buffer)
    let full = 0
    for (let round = 0; round < 3; round++) {
      const [blocks, entries] = [[], []]
      for (let i = 0; i < 100; i++) {
        const block = arena.allocate(2 ** 20)
        const { u8 } = arena.segments[block >>> arena.segmentShift]
        const at = (block & arena.handleMask) << 3
        u8.fill(1, at, at + 2 ** 20)
        blocks.push(block)
        kept.push(new Uint8Array(20_000))
        for (let k = 0; k < 3000; k++) {
          words[0] = 3000 * i + k
          entries.push(index.insert(Math.imul(words[0], 0x9e3779b1), key, 0, 8, 8))
        }
      }
      full = Math.max(full, megabytes())
      for (const block of blocks) arena.free(block, 2 ** 20)
      for (const entry of entries) {
        index.remove(entry)
        arena.free(entry, 32)
      }
      // A busy machine takes its time for a collection.
      const waits = round < 2 ? 20 : 300
      for (let i = 0; i < waits && !(round === 2 && full - megabytes() > 60); i++) {
        Atomics.wait(word, 0, 0, 100)
        collectDropped()
      }
    }
    process.stdout.write(JSON.stringify({ full, empty: megabytes(), kept: kept.length }))
  })
`
new Worker(source, { eval: true, workerData: { module: process.argv[2] } })
