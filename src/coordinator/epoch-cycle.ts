import type { Clock } from '../base/clock.ts'
import type { EpochMode, EpochPolicy } from '../operator/epoch-policy.ts'
import type { Attempt, EpochOutcome } from './attempt.ts'
import type { EpochLog } from './epoch-log.ts'
import type { EndedEpoch } from './epoch-progress.ts'
import { advanced, leastOf, type Positions, reaches } from './positions.ts'
import type { RunControl } from './run-control.ts'

/** Where a micro-batch query looks for new input again when there was none. */
const POLLING_MILLIS = 10

export interface EpochCycleParts {
  readonly attempt: Attempt
  readonly log: EpochLog
  readonly control: RunControl
  /** Called when an epoch has been committed, or when there was nothing to do in one. */
  readonly onEnded: (ended: EndedEpoch | null) => void
  /** Called with what the query is about to do, in Spark's words. */
  readonly onState: (message: string) => void
  readonly now: Clock
  /** Sources whose rows cannot be read again. */
  readonly unrepeatable: readonly string[]
}

/** When an epoch began, by the monotonic clock in millis and by the query's in micros, and how many millis its parts took. */
interface Begun {
  readonly at: number
  readonly micros: number
  readonly parts: Record<string, number>
}

export const PROCESSING = 'Processing new data'

/** The epochs of one attempt: it plans them as the trigger says, begins and ends them at the sources, and has them committed. */
export class EpochCycle {
  readonly #parts: EpochCycleParts
  /** The commit of a micro-batch beside which real time may begin. */
  #committing: { readonly epoch: number; readonly done: Promise<void> } | null = null

  constructor(parts: EpochCycleParts) {
    this.#parts = parts
  }

  /** Resolves when the trigger has no more epochs, or after a stop; rejects when the attempt fails. */
  async run(): Promise<void> {
    const { control, log, onState } = this.#parts
    while (!control.stopping || control.trigger.kind === 'batch') {
      const { trigger } = control
      if (trigger.kind !== 'realTime') await this.#settle()
      switch (trigger.kind) {
        case 'batch':
          await this.#runEpoch('batch', null)
          return
        case 'once':
          await this.#microBatch(null, true)
          if (!control.stopping) return
          break
        case 'availableNow':
          await this.#availableNow()
          if (!control.stopping) return
          break
        case 'default':
          if (await this.#microBatch(null, false, true)) break
          if (control.inputEnded) return
          onState('Waiting for data to arrive')
          await control.pauseUnder(trigger, POLLING_MILLIS)
          break
        case 'processingTime':
          if (!(await this.#microBatch(null, false, true)) && control.inputEnded) return
          onState('Waiting for next trigger')
          if (trigger.intervalMillis > 0) await control.pauseUntilNext(trigger.intervalMillis)
          else if (!log.hasDueWork(trigger)) await control.pauseUnder(trigger, POLLING_MILLIS)
          break
        case 'realTime':
          if (log.replay !== null) await this.#microBatch(null, false)
          else await this.#realTime()
          if (control.inputEnded && control.trigger.kind === 'realTime') return
          break
        default:
          trigger satisfies never
      }
    }
    await this.#settle()
    await this.#drain()
  }

  /** After a stop: what a source has accepted and could not give again is processed still. */
  async #drain(): Promise<void> {
    const { attempt, log, unrepeatable } = this.#parts
    if (unrepeatable.length === 0 || log.replay !== null) return
    const latest = await attempt.latest(true)
    const ends = { ...log.positions, ...Object.fromEntries(unrepeatable.map(id => [id, latest[id] ?? {}])) }
    if (!reaches(log.positions, ends)) await this.#runEpoch('microBatch', ends)
  }

  async #availableNow(): Promise<void> {
    const { attempt, log, control } = this.#parts
    const target = await attempt.latest(true)
    while (!control.stopping) {
      const isThere = reaches(log.positions, target) && log.replay === null
      if (isThere && !log.hasDueWork(control.trigger)) return
      if (!(await this.#microBatch(target, false))) return
    }
  }

  /**
   * Runs a micro-batch if there is something to do. `most`: read no further than that. `isBeforeNext`: the trigger decides what comes after
   * it, so that real time may begin beside its commit. False: there was nothing.
   */
  async #microBatch(most: Positions | null, whole: boolean, isBeforeNext = false): Promise<boolean> {
    const { attempt, log, control, onEnded } = this.#parts
    const { replay } = log
    const begun = this.#begin()
    const latest = replay?.ends ?? (await attempt.latest(whole))
    const ends = most === null || replay !== null ? latest : leastOf(latest, most)
    if (replay === null && reaches(log.positions, ends) && !log.hasDueWork(control.trigger)) {
      onEnded(null)
      return false
    }
    begun.parts.latestOffset = performance.now() - begun.at
    await this.#runEpoch('microBatch', ends, begun, isBeforeNext)
    return true
  }

  async #runEpoch(mode: EpochMode, ends: Positions | null, begun = this.#begin(), isBeforeNext = false): Promise<void> {
    const { attempt, log, control, onState } = this.#parts
    onState(PROCESSING)
    const policy = log.policy(mode)
    const planned = performance.now()
    await log.plan(policy, ends)
    const from = performance.now()
    begun.parts.walCommit = from - planned
    const outcome = attempt.follow(policy.epoch)
    attempt.beginEpoch(policy, ends)
    // A batch is broken off by a stop.
    const sealed = await (mode === 'batch' ? control.halted.race(outcome) : outcome)
    begun.parts.addBatch = performance.now() - from
    const done = this.#commit(policy, sealed, begun)
    // Rows need not wait for a commit if real time is next: there, the next epoch always begins before the one at hand is committed.
    const isAhead = await control.untilDoneOr(done, () => isBeforeNext && control.trigger.kind === 'realTime' && !control.stopping)
    if (isAhead) this.#committing = { epoch: policy.epoch, done }
  }

  /** Waits for the commit that real time was ahead of, if there is one. */
  async #settle(): Promise<void> {
    await this.#committing?.done
    this.#committing = null
  }

  #begin(): Begun {
    return { at: performance.now(), micros: this.#parts.now(), parts: {} }
  }

  /** Rows flow; an epoch is but the distance between two checkpoints, and the next begins with the end of the one before. */
  async #realTime(): Promise<void> {
    const { attempt, log, control, onState } = this.#parts
    onState(PROCESSING)
    const begin = (epoch: number): { policy: EpochPolicy; outcome: Promise<EpochOutcome>; begun: Begun } => {
      const begun = this.#begin()
      const policy = log.policy('realTime', epoch)
      const outcome = attempt.follow(epoch)
      // Awaited only after the pause, which fails first when the attempt does.
      outcome.catch(() => {})
      attempt.beginEpoch(policy, null)
      return { policy, outcome, begun }
    }
    let current = begin(this.#committing === null ? log.epoch : this.#committing.epoch + 1)
    for (await this.#settle(); ; ) {
      const { trigger } = control
      await attempt.race(control.pauseUnlessFlushed(trigger.kind === 'realTime' ? trigger.intervalMillis : 0))
      control.answerFlushes()
      const goesOn = control.trigger.kind === 'realTime' && !control.stopping && !control.inputEnded
      const { policy, outcome, begun } = current
      attempt.command({ kind: 'end', epoch: policy.epoch, drain: control.stopping })
      if (goesOn) current = begin(policy.epoch + 1)
      const sealed = await outcome
      begun.parts.addBatch = performance.now() - begun.at
      await this.#commit(policy, sealed, begun)
      if (!goesOn) return
    }
  }

  async #commit(policy: EpochPolicy, outcome: EpochOutcome, begun: Begun): Promise<void> {
    const { attempt, log, onEnded } = this.#parts
    const from = performance.now()
    const before = log.positions
    const watermarkMillis = log.watermarkMillis
    const read = outcome.sealed.flatMap(({ task, position }) => {
      const sourceId = attempt.sourceOf(task)
      return sourceId === null || position === null ? [] : [{ sourceId, position }]
    })
    const positions = advanced(before, read)
    await log.commit(policy, outcome, positions)
    attempt.committed(positions)
    const now = performance.now()
    onEnded({
      policy,
      outcome,
      before,
      after: positions,
      watermarkMillis,
      begunMicros: begun.micros,
      durationMillis: now - begun.at,
      partMillis: { ...begun.parts, commitOffsets: now - from },
    })
  }
}
