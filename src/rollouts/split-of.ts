import { wholeWeight, type TrafficSplit } from '../inference/traffic-split.ts';
import type { RolloutState } from './state.ts';

/** How a rollout divides its model's traffic now. */
export function splitOf({ plan, phase, step }: RolloutState): TrafficSplit {
  const { labels, stickyKeys, salt, guards, ranges, shadow } = plan;
  const isOn = phase === 'running' || phase === 'paused';
  const weight = phase === 'promoted' ? wholeWeight : isOn ? (plan.steps[step]?.weight ?? 0) : 0;
  const stable = { label: labels.stable, version: plan.stable, weight: wholeWeight - weight };
  const candidate = { label: labels.candidate, version: plan.candidate, weight };
  const copies = isOn && shadow !== undefined;
  return {
    experiment: plan.name,
    salt,
    stickyKeys,
    // Who takes no part, such as ensembles, is served by the first.
    arms: shadow !== undefined ? [stable] : phase === 'promoted' ? [candidate, stable] : [stable, candidate],
    checksOutputs: isOn && guards.some(({ kind }) => kind === 'invalid'),
    ranges,
    shadow: copies ? { label: labels.candidate, version: plan.candidate, ...shadow } : undefined,
  };
}

/** The part of the requests that the candidate has now, in ten-thousandths. */
export function candidateWeight(state: RolloutState): number {
  return splitOf(state).arms.find(({ label }) => label === state.plan.labels.candidate)?.weight ?? 0;
}
