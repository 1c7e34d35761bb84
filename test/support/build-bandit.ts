import type { RolloutPlan } from '../../src/rollouts/plan.ts';
import { readPlan } from '../../src/rollouts/read-plan.ts';

/** A bandit over versions 1 to 3 of model m that earns by `bought`, without guards, unless said otherwise. */
export function buildBandit(overrides: object = {}): RolloutPlan {
  return readPlan({
    model: 'm',
    strategy: 'bandit',
    stable: 1,
    candidates: [2, 3],
    goal: { metric: 'bought' },
    bandit: { floor: 10 },
    guards: { errors: false, invalid: false, latency: false },
    ...overrides,
  });
}
