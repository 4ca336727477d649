import { AsyncLocalStorage } from 'node:async_hooks'
import { EngineError } from '../base/errors.ts'

/**
 * Inside the function of a foreachBatch: the id of its sink. Whoever waits there for the end of the query, or of its epoch, waits for
 * himself.
 */
const scope = new AsyncLocalStorage<{ id: string }>()

/** Runs the function of a batch. `sink` holds the id of the sink, known once it is registered. */
export const insideBatch = <T>(sink: { id: string }, run: () => T): T => scope.run(sink, run)

/** True in the function of the batch that this sink belongs to, and in what that awaits. */
export const isInsideBatch = (sinkId: string | undefined): boolean => sinkId !== undefined && scope.getStore()?.id === sinkId

/** Throws UNSUPPORTED_OPERATION there. */
export const refuseInsideBatch = (sinkId: string | undefined, operation: string): void => {
  if (isInsideBatch(sinkId))
    throw new EngineError('UNSUPPORTED_OPERATION', {
      operation: `${operation} of a query inside its own foreachBatch: it would wait for itself`,
    })
}
