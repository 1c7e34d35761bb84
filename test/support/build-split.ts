import type { Arm, TrafficSplit } from '../../src/inference/traffic-split.ts';

/** Two arms, stable version 1 and canary version 2, by the header x-user. @param weight of the canary. */
export function buildSplit(weight: number, overrides: Partial<TrafficSplit> = {}): TrafficSplit {
  return {
    experiment: 'm-2',
    salt: 'salt',
    stickyKeys: [{ kind: 'header', name: 'x-user' }],
    arms: armsOf(weight),
    checksOutputs: true,
    ranges: [],
    metrics: [],
    shadow: undefined,
    ...overrides,
  };
}

function armsOf(weight: number): readonly Arm[] {
  return [
    { label: 'stable', version: '1', weight: 10_000 - weight },
    { label: 'canary', version: '2', weight },
  ];
}
