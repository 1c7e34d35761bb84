import { wholeWeight, type TrafficSplit } from '../inference/traffic-split.ts';
import type { RolloutState } from './state.ts';

/** How a rollout divides its model's traffic at a moment. */
export function splitOf(state: RolloutState, epochMs: number): TrafficSplit {
  const { plan, phase } = state;
  const { labels, stickyKeys, salt, guards, ranges, shadow } = plan;
  const isOn = phase === 'running' || phase === 'paused';
  const weight = candidateWeight(state, epochMs);
  const stable = { label: labels.stable, version: plan.stable, weight: wholeWeight - weight };
  const candidate = { label: labels.candidate, version: plan.candidate, weight };
  const replaced = phase === 'promoted' && weight === wholeWeight;
  const copies = isOn && shadow !== undefined;
  return {
    experiment: plan.name,
    salt,
    stickyKeys,
    // Who takes no part, such as ensembles, is served by the first. A shadow has no users before it is promoted.
    arms: shadow !== undefined && !replaced ? [stable] : replaced ? [candidate, stable] : [stable, candidate],
    checksOutputs: isOn && guards.some(({ kind }) => kind === 'invalid'),
    ranges,
    shadow: copies ? { label: labels.candidate, version: plan.candidate, ...shadow } : undefined,
  };
}

/** The part of the requests that the candidate has at a moment, in ten-thousandths. */
export function candidateWeight({ plan, phase, step, until }: RolloutState, epochMs: number): number {
  if (until !== undefined && epochMs < until.epochMs) return until.weight;
  if (phase === 'promoted') return wholeWeight;
  return phase === 'running' || phase === 'paused' ? (plan.steps[step]?.weight ?? 0) : 0;
}
