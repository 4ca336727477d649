import type { SourceOffset } from '../connector/connector.ts'

/** How far each source has been read, or is to be, by its id. */
export type Positions = Readonly<Record<string, SourceOffset>>

/** True if every partition of every source has been read up to `target`. */
export const reaches = (positions: Positions, target: Positions): boolean =>
  Object.entries(target).every(([id, offset]) =>
    Object.entries(offset).every(([partition, end]) => (positions[id]?.[partition] ?? 0) >= end),
  )

/** The nearer end of each partition. */
export const leastOf = (left: Positions, right: Positions): Positions =>
  Object.fromEntries(
    Object.entries(left).map(([id, offset]) => [
      id,
      Object.fromEntries(Object.entries(offset).map(([partition, end]) => [partition, Math.min(end, right[id]?.[partition] ?? end)])),
    ]),
  )

/** A target without the partitions that are gone, and no further than the others reach. */
export const capped = (target: Positions, latest: Positions): Positions =>
  Object.fromEntries(
    Object.entries(target).map(([id, offset]) => {
      const there = Object.entries(offset).filter(([partition]) => latest[id]?.[partition] !== undefined)
      return [id, Object.fromEntries(there.map(([partition, end]) => [partition, Math.min(end, latest[id][partition])]))]
    }),
  )

/** The positions with those that the readers of a source have reported put in. */
export const advanced = (
  before: Positions,
  reports: Iterable<{ readonly sourceId: string; readonly position: SourceOffset }>,
): Positions => {
  const positions: Record<string, SourceOffset> = { ...before }
  for (const { sourceId, position } of reports) positions[sourceId] = { ...positions[sourceId], ...position }
  return positions
}
