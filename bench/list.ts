import { chainLatency } from './chain-latency.ts'
import { filterSum } from './filter-sum.ts'
import { growth } from './growth.ts'
import { hop } from './hop.ts'
import { inline } from './inline.ts'
import type { Benchmark } from './kit/benchmark.ts'
import { nexmark } from './nexmark.ts'
import { slidingCount } from './sliding-count.ts'
import { startup } from './startup.ts'

/** Every benchmark there is. A new one joins here. */
export const benchmarks: readonly Benchmark[] = [hop, filterSum, slidingCount, chainLatency, inline, growth, startup, nexmark]
