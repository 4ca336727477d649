import { expect, test } from 'vitest'
import { EngineError, errorToWire } from '../../src/base/errors.ts'
import { PersisterClient } from '../../src/coordinator/persister-client.ts'
import type { PersisterCommand } from '../../src/runtime/persister.ts'

// Goal: each command gets its own answer, and none waits for ever. Method: answers out of order, errors, and the end of the thread.

const clientOf = (): { client: PersisterClient; sent: PersisterCommand[] } => {
  const sent: PersisterCommand[] = []
  return { client: new PersisterClient(command => sent.push(command)), sent }
}

const file = { operatorId: 1, task: 'all', epoch: 7, name: 'f', bytes: 16, crc: 0 }

test('answers find what they answer, in whatever order they come', async () => {
  const { client, sent } = clientOf()
  const [merge, finish] = [client.merge([], '/s/m', 'm'), client.finish(7, true)]
  const written: number[] = []
  const writes = [0, 1].map(async i => client.write([]).then(() => written.push(i)))
  expect(sent.map(({ kind }) => kind)).toEqual(['merge', 'finish', 'write', 'write'])
  client.onReply({ kind: 'written', request: 1, error: null })
  await writes[1]
  expect(written).toEqual([1])
  client.onReply({ kind: 'written', request: 0, error: null })
  await writes[0]
  client.onReply({ kind: 'finished', epoch: 7, files: [file] })
  client.onReply({ kind: 'merged', name: 'm', file: { ...file, name: 'm' } })
  expect(await finish).toEqual([file])
  expect((await merge).name).toBe('m')
})

test('a disk that fails is an error with its code', async () => {
  const { client } = clientOf()
  const [finish, merge, write] = [client.finish(3, false), client.merge([], '/s/m', 'm'), client.write([])]
  const error = new EngineError('CHECKPOINT_FAILED', { path: '/s', reason: 'ENOSPC: no space left on device' })
  client.onReply({ kind: 'failed', epoch: 3, error: errorToWire(error) })
  client.onReply({ kind: 'merged', name: 'm', file: null })
  client.onReply({ kind: 'written', request: 0, error: errorToWire(error) })
  await expect(write).rejects.toMatchObject({ code: 'CHECKPOINT_FAILED' })
  await expect(finish).rejects.toMatchObject({ code: 'CHECKPOINT_FAILED', message: error.message })
  await expect(merge).rejects.toThrow('the merge to m failed')
})

test('when the thread is gone, what waits fails, and so does what comes later', async () => {
  const { client, sent } = clientOf()
  const waiting = [client.finish(1, true), client.merge([], '/s/m', 'm'), client.write([])]
  const death = new EngineError('WORKER_DIED', { host: 'persister', reason: 'it was ended' })
  client.fail(death)
  for (const promise of [...waiting, client.finish(2, true)]) await expect(promise).rejects.toBe(death)
  expect(sent).toHaveLength(3)
})
