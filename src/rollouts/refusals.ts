import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';
import type { RolloutPlan } from './plan.ts';
import type { Phase } from './state.ts';

export function noRollout(model: string): ServingError {
  return new ServingError('not_found', `model '${printable(model)}' has no rollout`, {
    reason: 'ROLLOUT_NOT_FOUND',
  });
}

export function alreadyRuns(model: string): ServingError {
  return new ServingError(
    'already_exists',
    `model '${model}' has a rollout that is not over: abort or promote it first`,
    { reason: 'ROLLOUT_EXISTS' },
  );
}

export function notInPhase(model: string, phase: Phase, what: string): ServingError {
  return new ServingError(
    'failed_precondition',
    `the rollout of model '${model}' is ${phase} and cannot be ${what}`,
    {
      reason: 'ROLLOUT_PHASE',
    },
  );
}

export function notRunnable({ model, stable }: RolloutPlan): ServingError {
  return new ServingError(
    'failed_precondition',
    `version ${stable} of model '${printable(model)}' is not ready; versions stay beside newer ones with version_policy { latest { num_versions: 2 } } or { all {} }`,
    { reason: 'ROLLOUT_VERSION' },
  );
}

export function notStarted(problem: string): ServingError {
  return new ServingError('failed_precondition', `the rollout cannot start: ${problem}`, {
    reason: 'ROLLOUT_VERSION',
  });
}

/** With Redis: another replica was faster. */
export function changedMeanwhile(model: string): ServingError {
  return new ServingError(
    'unavailable',
    `the rollout of model '${model}' was changed elsewhere meanwhile; look again`,
    {
      reason: 'ROLLOUT_CHANGED',
      retryAfterMs: 500,
    },
  );
}

export function wrongPlan(problem: string): ServingError {
  return new ServingError('invalid_argument', `rollout: ${problem}`, { reason: 'ROLLOUT_PLAN' });
}
