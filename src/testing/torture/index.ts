export { runScenario } from './run-scenario.ts'
export { type EpochResult, type RunOptions, type Scenario, type ScenarioEpoch, undisturbed } from './scenario.ts'
export { rowText, torture } from './torture.ts'
