import { noDelta, type ArmDelta } from '../../src/rollouts/arm-delta.ts';
import type { Decision } from '../../src/rollouts/decide.ts';
import { LiveRollout } from '../../src/rollouts/live-rollout.ts';
import type { RolloutPlan } from '../../src/rollouts/plan.ts';
import { newState } from '../../src/rollouts/state.ts';
import { weightsOf } from '../../src/rollouts/split-of.ts';
import { noValues } from '../../src/statistics/value-sums.ts';
import { seededRandom } from './seeded-random.ts';

export interface BanditSimulation {
  readonly plan: RolloutPlan;
  /** What a request of an arm earns, 0..1, at a minute. */
  readonly reward: (arm: number, minute: number, random: () => number) => number;
  readonly minutes: number;
  readonly requestsPerMinute: number;
  readonly seed: number;
  /** By arm; all by default. */
  readonly ready?: (minute: number) => readonly boolean[];
}

export interface BanditOutcome {
  readonly live: LiveRollout;
  /** Percents of each minute, by arm. */
  readonly shares: readonly (readonly number[])[];
  /** All that was earned. */
  readonly earned: number;
  readonly requests: number;
  /** The minute in which it ended by itself, and how; undefined where it did not. */
  readonly end: { readonly minute: number; readonly decision: Decision } | undefined;
}

/** Runs a bandit's tests, decisions and weights on requests that are drawn, without a server. */
export function simulateBandit(simulation: BanditSimulation): BanditOutcome {
  const { plan, reward, minutes, requestsPerMinute, seed } = simulation;
  const random = seededRandom(seed);
  const all = plan.arms.map(() => true);
  const state = newState(plan, 0, { atEpochMs: 0, who: 't', what: 'started', why: '' });
  const live = new LiveRollout({ ...state, phase: 'running' });
  const shares: (readonly number[])[] = [];
  let earned = 0;
  let requests = 0;
  for (let minute = 0; minute < minutes; minute++) {
    const ready = simulation.ready?.(minute) ?? all;
    const epochMs = minute * 60_000;
    const reweighed = live.reweighed(ready, epochMs);
    if (reweighed !== undefined) live.state = reweighed;
    const weights = weightsOf(live.state, epochMs);
    shares.push(weights.map((weight) => weight / 100));
    const arms = weights.map((weight, arm): ArmDelta => {
      const count = Math.round((requestsPerMinute * weight) / 10_000);
      let sum = 0;
      let squares = 0;
      for (let request = 0; request < count; request++) {
        const value = reward(arm, minute, random);
        sum += value;
        squares += value * value;
      }
      earned += sum;
      requests += count;
      const values = { count, sum, squares };
      const metrics = { [plan.goal?.metric ?? '']: count === 0 ? noValues : values };
      const isSuccess = plan.metrics.length === 0;
      return { ...noDelta, requests: count, ...(isSuccess ? { failures: count - sum } : { metrics }) };
    });
    live.digest({ model: plan.model, experiment: plan.name, arms }, 0);
    live.pass(60_000, 0);
    const decision = live.decide(ready);
    if (decision.kind === 'promote' || decision.kind === 'complete') {
      return { live, shares, earned, requests, end: { minute, decision } };
    }
  }
  return { live, shares, earned, requests, end: undefined };
}
