// The public list of `walkway/bench`: what an operator, or a chain of them, costs an event.
export { type BenchCost, type BenchResult, type BenchSpec, bench } from './bench.ts'
export type { BenchMode } from './bench-chain.ts'
export { benchText } from './bench-text.ts'
export { medianOf, type Spread, spreadOf } from './statistics.ts'
