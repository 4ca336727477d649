import { threadId } from 'node:worker_threads'

/** The number of the thread that runs it. The argument keeps it where its row is. */
export const thread = (_row: unknown): number => threadId
