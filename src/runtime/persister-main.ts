import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { collectDropped } from 'native-free-buffers'
import { markLoaded } from '../base/thread-load.ts'
import { bellOf } from './bells.ts'
import { Persister, type PersisterCommand, type PersisterReply, type PersisterSpec } from './persister.ts'

/** Sleep when nothing is to be written; the doorbell ends it early. */
const SLEEP_MILLIS = 100

export interface PersisterStart {
  readonly port: MessagePort
  readonly load: SharedArrayBuffer
  readonly spec: PersisterSpec
}

export type PersisterMessage = PersisterCommand | { readonly kind: 'stop' }

/** Inside the persister's thread: writes until it is told to stop. */
export default ({ port, load, spec }: PersisterStart): void => {
  markLoaded(load)
  const persister = new Persister(spec, (reply: PersisterReply) => port.postMessage(reply))
  const bell = bellOf(spec.bells, spec.bell)
  let isStopped = false
  /** True if there was something to do. A merge looks here too; a second one is not asked for before the first is answered. */
  const turn = (): boolean => {
    let progressed = persister.step()
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      const message = next.message as PersisterMessage
      if (message.kind === 'stop') isStopped = true
      else persister.command(message, turn)
      progressed = true
    }
    return progressed || isStopped
  }
  try {
    while (!isStopped) {
      if (turn()) continue
      collectDropped()
      bell.park(SLEEP_MILLIS, turn)
    }
  } finally {
    persister.close()
    port.close()
  }
}
