import { wholeWeight, type TrafficSplit } from '../inference/traffic-split.ts';
import { successMetric } from './plan.ts';
import type { RolloutState } from './state.ts';

/** A moment that replicas agreed on and that is further ahead is one of a clock that was set back. */
const longestDelayMs = 10_000;

/** How a rollout divides its model's traffic at a moment. */
export function splitOf(state: RolloutState, epochMs: number): TrafficSplit {
  const { plan, phase, winner } = state;
  const { labels, stickyKeys, salt, guards, ranges, shadow, goal, metrics } = plan;
  const isOn = phase === 'running' || phase === 'paused';
  const weights = weightsOf(state, epochMs);
  const arms = plan.arms.map((arm, index) => ({ ...arm, weight: weights[index] ?? 0 }));
  const [stable, ...others] = arms;
  if (stable === undefined) throw new Error('bug: a plan without a stable version');
  const won = phase === 'promoted' && weights[winner] === wholeWeight ? arms[winner] : undefined;
  // Who takes no part, such as ensembles, is served by the first. A shadow has no users before it is promoted.
  const served = won !== undefined ? [won, ...arms.filter((arm) => arm !== won)] : [stable, ...others];
  return {
    experiment: plan.name,
    salt,
    stickyKeys,
    arms: shadow !== undefined && won === undefined ? [stable] : served,
    // Only a valid answer is a success.
    checksOutputs: isOn && (guards.some(({ kind }) => kind === 'invalid') || goal?.metric === successMetric),
    ranges,
    metrics: isOn ? metrics : [],
    shadow:
      isOn && shadow !== undefined
        ? { label: labels.candidate, version: plan.candidate, ...shadow }
        : undefined,
  };
}

/** The part of the requests that each arm has at a moment, in ten-thousandths, in the plan's order. */
export function weightsOf(state: RolloutState, epochMs: number): readonly number[] {
  const { plan, phase, step, until, winner, bandit } = state;
  if (until !== undefined && isAhead(until.epochMs, epochMs)) return until.weights;
  if (phase === 'promoted') return plan.arms.map((_, index) => (index === winner ? wholeWeight : 0));
  if (phase !== 'running' && phase !== 'paused') {
    return plan.arms.map((_, index) => (index === 0 ? wholeWeight : 0));
  }
  if (bandit !== undefined) return bandit.weights;
  const weight = plan.steps[step]?.weight ?? 0;
  return [wholeWeight - weight, weight];
}

/** Whether replicas still wait for a moment. */
export function isAhead(momentEpochMs: number, nowEpochMs: number): boolean {
  return momentEpochMs > nowEpochMs && momentEpochMs - nowEpochMs <= longestDelayMs;
}

/** Of all candidates together. */
export function candidateWeight(state: RolloutState, epochMs: number): number {
  return wholeWeight - (weightsOf(state, epochMs)[0] ?? 0);
}
