import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';

const longestText = 500;

/** The module said no: what the client sent is wrong. */
export function refused(text: string): ServingError {
  return new ServingError('invalid_argument', printable(text, longestText), { reason: 'PROCESSING_REFUSED' });
}

/** The module threw, or what it returned does not fit; the log has why. */
export function failed(hook: string, cause: unknown): ServingError {
  return new ServingError('internal', `${hook} of the model failed`, { reason: 'PROCESSING_FAILED', cause });
}

export function timedOut(hook: string, timeoutMs: number): ServingError {
  return new ServingError('internal', `${hook} of the model did not end within ${timeoutMs} ms`, {
    reason: 'PROCESSING_TIMEOUT',
  });
}

export function outOfMemory(hook: string, cause: unknown): ServingError {
  return new ServingError('internal', `${hook} of the model took more memory than it may`, {
    reason: 'PROCESSING_MEMORY',
    cause,
  });
}

/** The module's process ended while it worked on the request. */
export function lost(hook: string, cause: unknown): ServingError {
  return new ServingError('internal', `the process of the model's ${hook} ended`, {
    reason: 'PROCESSING_LOST',
    cause,
  });
}

/** None of the module's processes runs now, and the next start waits for the budget of restarts. */
export function down(retryAfterMs: number): ServingError {
  return new ServingError(
    'unavailable',
    'the model’s processing ended too often and is started again later',
    {
      reason: 'PROCESSING_DOWN',
      retryAfterMs: Math.ceil(retryAfterMs),
    },
  );
}

export function busy(): ServingError {
  return new ServingError('resource_exhausted', 'too many requests wait for the model’s processing', {
    reason: 'PROCESSING_BUSY',
    retryAfterMs: 100,
  });
}

export function closed(): ServingError {
  return new ServingError('unavailable', 'the model is being unloaded', { reason: 'MODEL_NOT_READY' });
}

export function callerGone(): ServingError {
  return new ServingError('cancelled', 'the caller is gone', { reason: 'CANCELLED' });
}

/** For operators: the module could not be loaded. */
export function notLoaded(problem: string, cause?: unknown): ServingError {
  return new ServingError('invalid_argument', `the processing module: ${problem}`.slice(0, 1000), {
    reason: 'MODEL_LOAD_FAILED',
    cause,
  });
}

/** @param couldHold The bytes would fit if nothing else were held. */
export function budgetError(sizeBytes: number, couldHold: boolean): ServingError {
  const reason = 'BYTE_BUDGET_EXCEEDED';
  return couldHold
    ? new ServingError('resource_exhausted', 'overloaded: the server holds too many bytes of requests', {
        reason,
        retryAfterMs: 100,
      })
    : new ServingError(
        'resource_exhausted',
        `what preprocess gave takes ${sizeBytes} bytes, which exceeds the maximum allowed (--byte-budget)`,
        { reason },
      );
}
