import { EngineError } from '../base/errors.ts'
import type { SinkCommitter, SinkToken } from '../connector/connector.ts'
import { sinkConnector } from '../connector/registry.ts'
import type { EpochMode, EpochPolicy } from '../operator/epoch-policy.ts'
import type { Trigger } from '../plan/logical-plan.ts'
import type { RestoreSpec } from '../runtime/task-spec.ts'
import type { WatermarkPolicy } from '../runtime/watermark-merge.ts'
import type { StateFile } from '../state/state-file.ts'
import type { EpochOutcome } from './attempt.ts'
import { CheckpointFolder, type Manifest, type OffsetEntry } from './checkpoint-folder.ts'
import { Compactor } from './compactor.ts'
import { EpochWatermark } from './epoch-watermark.ts'
import type { PlacedStage } from './placement.ts'
import { compareSignatures, type PlanSignature, planSignature } from './plan-signature.ts'
import type { Positions } from './positions.ts'
import type { PreparedQuery } from './prepare-query.ts'
import type { QueryOptions } from './query-options.ts'
import type { StateWriter } from './state-files.ts'

/**
 * Where a query stands between two epochs, and how it gets from one to the next so that a crash at any moment neither loses nor doubles:
 * it recovers from the checkpoint and commits to it. Without a checkpoint it only remembers.
 */
export class EpochLog {
  readonly #options: QueryOptions
  readonly #prepared: PreparedQuery
  readonly #signature: PlanSignature

  // What survives an attempt
  #folder: CheckpointFolder | null = null
  #committer: SinkCommitter | null = null
  #compactor: Compactor | null = null
  /** Who writes for the attempt at hand. */
  #writer: StateWriter | null = null

  // Where the query stands
  #epoch = 0
  #positions: Positions = {}
  #watermark: EpochWatermark
  /** What the query began with: a restart with another policy keeps to it, as Spark's does, or the watermark could jump. */
  #policyOfWatermarks: WatermarkPolicy
  #files: readonly StateFile[] = []
  #replay: OffsetEntry | null = null
  #watermarkMoved = false

  constructor(options: QueryOptions, prepared: PreparedQuery) {
    this.#options = options
    this.#prepared = prepared
    this.#signature = planSignature(prepared.physical)
    this.#watermark = new EpochWatermark(prepared.delays, options.watermarkPolicy, null)
    this.#policyOfWatermarks = options.watermarkPolicy
  }

  /** The checkpoint's; null without one. */
  get queryId(): string | null {
    return this.#folder?.id ?? null
  }

  /** The epoch that is next to be committed. */
  get epoch(): number {
    return this.#epoch
  }

  /** Up to where everything is committed. */
  get positions(): Positions {
    return this.#positions
  }

  /** The plan of the next epoch, if one was made before a crash: then it must be that epoch again. */
  get replay(): OffsetEntry | null {
    return this.#replay
  }

  get hasWatermark(): boolean {
    return this.#watermark.exists
  }

  /** In force in the next epoch, for eviction. */
  get watermarkMillis(): number {
    return this.#watermark.evictMillis
  }

  get watermarkPolicy(): WatermarkPolicy {
    return this.#policyOfWatermarks
  }

  sourceFolder(sourceId: string): string | null {
    return this.#folder?.sourceFolder(sourceId) ?? null
  }

  /** Where state is kept; null without a checkpoint. */
  get stateFolder(): string | null {
    return this.#folder?.stateFolder() ?? null
  }

  /** What a stage's tasks read back. */
  restoreOf(stage: PlacedStage): RestoreSpec[] {
    const folder = this.#folder
    if (folder === null) return []
    return stage.ops.flatMap(op => {
      if (!('operatorId' in op)) return []
      const files = this.#files
        .filter(file => file.operatorId === op.operatorId)
        .map(file => ({ path: `${folder.stateFolder()}/${file.name}`, file }))
      return files.length === 0 ? [] : [{ operatorId: op.operatorId, files }]
    })
  }

  /** Takes the checkpoint. Throws CHECKPOINT_IN_USE, CHECKPOINT_DAMAGED, CHECKPOINT_FAILED. */
  async open(): Promise<void> {
    const { checkpointLocation, sink, durability } = this.#options
    const { options } = this.#prepared.sink
    this.#committer = sinkConnector(sink.format).committer(options, this.#prepared.schema)
    if (checkpointLocation === null) return
    this.#folder = await CheckpointFolder.open(checkpointLocation, durability)
    this.#compactor = new Compactor(this.#folder.stateFolder())
  }

  async close(): Promise<void> {
    await this.#compactor?.close().catch(() => {})
    await this.#committer?.close().catch(() => {})
    await this.#folder?.close().catch(() => {})
  }

  /** Reads where the checkpoint left off, and finishes an epoch that was prepared but perhaps not committed. */
  async recover(): Promise<void> {
    this.#epoch = 0
    this.#positions = {}
    this.#files = []
    this.#replay = null
    this.#watermark = new EpochWatermark(this.#prepared.delays, this.#options.watermarkPolicy, null)
    this.#watermarkMoved = false
    this.#compactor?.forget()
    this.#use(null)
    const folder = this.#folder
    const manifest = (await folder?.newestManifest()) ?? null
    const lastCommit = (await folder?.lastCommit()) ?? -1
    if (folder !== null && lastCommit > (manifest?.epoch ?? -1)) {
      throw new EngineError('CHECKPOINT_DAMAGED', {
        path: folder.manifestPath(lastCommit),
        reason: 'it is missing, but its epoch is committed',
      })
    }
    if (folder === null || manifest === null) {
      await this.#committer?.recover(-1)
      return
    }
    const difference = compareSignatures(manifest.signature as PlanSignature, this.#signature)
    if (difference !== null) throw new EngineError('CHECKPOINT_INCOMPATIBLE', { path: folder.path, ...difference })
    if (lastCommit < manifest.epoch) {
      await this.#committer?.commit(manifest.epoch, manifest.tokens)
      await folder.writeCommit(manifest.epoch, manifest.watermarkMillis)
    }
    await this.#committer?.recover(manifest.epoch)
    await folder.clean(manifest)
    this.#epoch = manifest.epoch + 1
    this.#positions = manifest.positions
    this.#files = manifest.files
    this.#policyOfWatermarks = manifest.watermarkPolicy ?? this.#options.watermarkPolicy
    this.#watermark = new EpochWatermark(this.#prepared.delays, this.#policyOfWatermarks, {
      currentMillis: manifest.watermarkMillis,
      lateMillis: manifest.lateMillis,
    })
    this.#watermarkMoved = manifest.watermarkMillis > manifest.lateMillis
    this.#replay = folder.readOffsets(this.#epoch)
  }

  /**
   * An attempt begins: who writes for it, and where its sources stand. Where "latest" was, say, must be the same place after a crash in the
   * first epoch.
   */
  async begin(writer: StateWriter | null, positions: Positions): Promise<void> {
    this.#use(writer)
    const isFirst = Object.keys(this.#positions).length === 0
    this.#positions = { ...positions, ...this.#positions }
    if (isFirst && this.#epoch === 0) await this.#folder?.writeManifest(this.#manifest(-1, this.#positions, []), null)
  }

  /** True if an epoch without rows should run: the watermark moved, and some state is bound to it. */
  hasDueWork(trigger: Trigger): boolean {
    return (
      this.#watermarkMoved && this.#prepared.isTimed && this.#options.noDataEpochs && trigger.kind !== 'once' && trigger.kind !== 'realTime'
    )
  }

  /** What an epoch is to be. In real time the next one begins before the one at hand is committed. */
  policy(mode: EpochMode, epoch = this.#epoch): EpochPolicy {
    const replay = this.#replay
    const nowMicros = this.#options.clock.now()
    return {
      epoch,
      mode,
      batchTimeMicros: replay === null ? Math.floor(nowMicros / 1000) * 1000 : replay.batchTimeMillis * 1000,
      lateMillis: this.#watermark.exists ? this.#watermark.lateMillis : Number.NEGATIVE_INFINITY,
      evictMillis: this.#watermark.exists ? this.#watermark.evictMillis : Number.NEGATIVE_INFINITY,
    }
  }

  /** Writes the plan of an epoch down before it runs. `ends` null: it has none. */
  async plan(policy: EpochPolicy, ends: Positions | null): Promise<void> {
    if (this.#replay === null && ends !== null) await this.#folder?.writePlan(policy.epoch, offsetEntry(policy, ends))
    this.#replay = null
  }

  /**
   * State durable and sinks prepared → manifest → offsets (real time) → sink → commit log. From the manifest on, the epoch is rolled
   * forward after a crash.
   */
  async commit(policy: EpochPolicy, outcome: EpochOutcome, positions: Positions): Promise<void> {
    const { epoch } = policy
    const reports = outcome.sealed.flatMap(report => report.watermarks)
    this.#watermarkMoved = this.#watermark.advance(reports, policy.mode)
    const [folder, writer] = [this.#folder, this.#writer]
    if (folder !== null && writer !== null) {
      const fresh = await writer.finish(epoch, this.#options.durability === 'power')
      this.#files = this.#compactor?.apply([...this.#files, ...fresh]) ?? []
      const manifest = this.#manifest(epoch, positions, outcome.tokens)
      await folder.writeManifest(manifest, policy.mode === 'realTime' ? offsetEntry(policy, positions) : null)
      await this.#committer?.commit(epoch, outcome.tokens)
      await folder.writeCommit(epoch, this.#watermark.evictMillis)
      if (epoch % 10 === 0) await folder.purge(manifest, name => this.#compactor?.isInWork(name) === true)
      this.#compactor?.consider(this.#files, writer.merge)
    } else {
      await this.#committer?.commit(epoch, outcome.tokens)
    }
    this.#positions = positions
    this.#epoch = epoch + 1
  }

  #use(writer: StateWriter | null): void {
    this.#writer = writer
    if (this.#folder !== null) this.#folder.writer = writer?.write ?? null
  }

  #manifest(epoch: number, positions: Positions, tokens: readonly SinkToken[]): Manifest {
    return {
      version: 1,
      epoch,
      signature: this.#signature,
      watermarkMillis: this.#watermark.evictMillis,
      lateMillis: this.#watermark.lateMillis,
      watermarkPolicy: this.#policyOfWatermarks,
      positions,
      tokens,
      files: this.#files,
    }
  }
}

const offsetEntry = (policy: EpochPolicy, ends: Positions): OffsetEntry => ({
  mode: policy.mode,
  watermarkMillis: Number.isFinite(policy.evictMillis) ? policy.evictMillis : 0,
  lateMillis: Number.isFinite(policy.lateMillis) ? policy.lateMillis : 0,
  batchTimeMillis: policy.batchTimeMicros / 1000,
  ends,
})
