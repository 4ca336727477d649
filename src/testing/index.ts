// The public list of `walkway/testing`: for those who write programs, user functions and connectors, and want to know that they hold.
export { ContractViolation } from './contract/contract.ts'
export { checkSink, type SinkContract } from './contract/sink-contract.ts'
export { checkSource, type SourceContract } from './contract/source-contract.ts'
export { type QueryScenario, randomEpochs, tortureQuery } from './torture/query.ts'
export type { EpochResult, ScenarioEpoch } from './torture/scenario.ts'
