import type { RolloutReport } from '../../src/inference/rollout-admin.ts';
import type { ArmReading } from '../../src/inference/traffic-split.ts';

/** A canary of model m that runs with a quarter of the traffic, unless said otherwise. */
export function buildReport(overrides: Partial<RolloutReport> = {}): RolloutReport {
  return {
    name: 'm-1-to-2',
    model: 'm',
    strategy: 'canary',
    phase: 'running',
    stable_version: '1',
    candidate_version: '2',
    stable_label: 'stable',
    candidate_label: 'canary',
    percent: 25,
    step: 1,
    steps: 5,
    waiting_for: '',
    candidate_requests: 10,
    stable_requests: 90,
    guards: [],
    arms: [
      { label: 'stable', version: '1', percent: 75, observations: 0, mean: 0, dropped: false },
      { label: 'canary', version: '2', percent: 25, observations: 0, mean: 0, dropped: false },
    ],
    goal: '',
    design: null,
    bandit: null,
    verdict: [],
    history: [],
    ...overrides,
  };
}

/** The canary of that rollout, which has done nothing yet. */
export function buildArm(overrides: Partial<ArmReading> = {}): ArmReading {
  return {
    model: 'm',
    experiment: 'm-1-to-2',
    arm: 'canary',
    version: '2',
    requests: 0,
    failures: 0,
    invalid: 0,
    fallbacks: 0,
    broken: 0,
    compared: 0,
    differed: 0,
    dropped: 0,
    durations: [],
    metrics: {},
    ...overrides,
  };
}
