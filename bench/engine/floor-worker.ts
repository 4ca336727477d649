import { parentPort, workerData } from 'node:worker_threads'
import { Histogram } from 'native-free-buffers'

const { buffer, millis } = workerData as { readonly buffer: SharedArrayBuffer; readonly millis: number }
const gaps = new Histogram(buffer)
const end = performance.now() + millis
for (let last = performance.now(); last < end; ) {
  const now = performance.now()
  gaps.record((now - last) * 1000)
  last = now
}
parentPort?.postMessage(true)
