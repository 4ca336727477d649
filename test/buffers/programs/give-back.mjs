import { Worker } from 'node:worker_threads'

// A thread that never returns to its event loop fills an arena, frees all of it, and says now and then that it has. Prints the process's
// memory at its height and at the end.

const source = `
  const { workerData } = require('node:worker_threads')
  import(workerData.module).then(({ Arena, collectDropped }) => {
    const arena = new Arena()
    const word = new Int32Array(new SharedArrayBuffer(4))
    const megabytes = () => process.memoryUsage.rss() / 1e6
    const handles = []
    for (let i = 0; i < 100; i++) {
      const handle = arena.allocate(2 ** 20)
      const { u8 } = arena.segments[handle >>> arena.segmentShift]
      const at = (handle & arena.handleMask) << 3
      u8.fill(1, at, at + 2 ** 20)
      handles.push(handle)
    }
    const full = megabytes()
    for (const handle of handles.splice(0)) arena.free(handle, 2 ** 20)
    for (let i = 0; i < 5; i++) {
      Atomics.wait(word, 0, 0, 100)
      collectDropped()
    }
    process.stdout.write(JSON.stringify({ full, empty: megabytes() }))
  })
`
new Worker(source, { eval: true, workerData: { module: process.argv[2] } })
