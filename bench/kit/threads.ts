import { Worker } from 'node:worker_threads'

/** Starts one worker for each of `inputs`, on the same module, and waits for the one message that each sends. */
export const runThreads = async <Input, Output>(module: URL, inputs: readonly Input[]): Promise<Output[]> => {
  const workers = inputs.map(input => new Worker(module, { workerData: input }))
  try {
    return await Promise.all(
      workers.map(
        worker =>
          new Promise<Output>((resolve, reject) => {
            worker.once('message', resolve)
            worker.once('error', reject)
            worker.once('exit', code => reject(new Error(`a worker left without an answer, code ${code}`)))
          }),
      ),
    )
  } finally {
    await Promise.all(workers.map(worker => worker.terminate()))
  }
}
