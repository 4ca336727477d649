import { chainLatency } from './chain-latency.ts'
import { filterSum } from './filter-sum.ts'
import { garbage } from './garbage.ts'
import { growth } from './growth.ts'
import { hop } from './hop.ts'
import { inline } from './inline.ts'
import { json } from './json.ts'
import { kafka } from './kafka.ts'
import { kafkaBacklog } from './kafka-backlog.ts'
import type { Benchmark } from './kit/benchmark.ts'
import { ladder } from './ladder.ts'
import { nexmark } from './nexmark.ts'
import { packages } from './package.ts'
import { parts } from './parts.ts'
import { peers } from './peers.ts'
import { slidingCount } from './sliding-count.ts'
import { startup } from './startup.ts'
import { switches } from './switch.ts'
import { wide } from './wide.ts'

/** Every benchmark there is. A new one joins here. */
export const benchmarks: readonly Benchmark[] = [
  hop,
  filterSum,
  slidingCount,
  chainLatency,
  switches,
  inline,
  ladder,
  garbage,
  growth,
  wide,
  json,
  startup,
  nexmark,
  parts,
  packages,
  peers,
  kafka,
  kafkaBacklog,
]
