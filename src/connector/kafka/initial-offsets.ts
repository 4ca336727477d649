import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SourceContext, SourceOffset } from '../connector.ts'
import { writeAtomically } from '../durable-file.ts'

const INITIAL_FILE = /^initial-\d+\.json$/

/**
 * Where a first run began. Kept apart from the epochs, because it may die before its first checkpoint: what has come since it began, by
 * `latest` say, is not lost then. Null if there has been none.
 */
export const readInitialOffsets = async ({ metadataFolder, streaming }: SourceContext): Promise<SourceOffset | null> => {
  if (metadataFolder === null || !streaming) return null
  const names = (await readdir(metadataFolder).catch(() => [])).filter(name => INITIAL_FILE.test(name))
  const texts = await Promise.all(names.map(name => readFile(join(metadataFolder, name), 'utf8')))
  return names.length === 0 ? null : Object.assign({}, ...texts.map(text => JSON.parse(text) as SourceOffset))
}

export const writeInitialOffsets = async (
  { metadataFolder, streaming, readerIndex }: SourceContext,
  known: SourceOffset | null,
  offsets: SourceOffset,
): Promise<void> => {
  if (metadataFolder === null || !streaming || Object.keys(offsets).every(name => known?.[name] !== undefined)) return
  await mkdir(metadataFolder, { recursive: true })
  await writeAtomically(join(metadataFolder, `initial-${readerIndex}.json`), JSON.stringify(offsets))
}
