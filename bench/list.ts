import { hop } from './hop.ts'
import type { Benchmark } from './kit/benchmark.ts'

/** Every benchmark there is. A new one joins here. */
export const benchmarks: readonly Benchmark[] = [hop]
