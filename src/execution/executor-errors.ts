import { ServingError } from '../errors.ts';

/** A run that is taken never to end. */
export function executorHung(): ServingError {
  return new ServingError('unavailable', 'the model did not answer in its usual time and was given up', {
    reason: 'EXECUTOR_HUNG',
    retryAfterMs: 1000,
  });
}

/** The thread or process of a session ended before it answered. */
export function executorLost(cause: unknown): ServingError {
  return new ServingError('unavailable', 'the model’s executor failed; try again', {
    reason: 'EXECUTOR_LOST',
    retryAfterMs: 100,
    cause,
  });
}
