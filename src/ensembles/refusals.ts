import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';

/** As admission's: requests live some milliseconds, so room comes back soon. */
const retryAfterMs = 100;

/** What a step failed with, with its place. Who gave up waiting needs no place. */
export function stepError(ensemble: string, model: string, error: ServingError): ServingError {
  const { code, message, reason, retryAfterMs: retry, cause } = error;
  if (code === 'cancelled' || code === 'deadline_exceeded') return error;
  return new ServingError(
    code,
    `in ensemble '${printable(ensemble)}', step '${printable(model)}': ${message}`.slice(0, 1000),
    {
      cause,
      ...(reason === undefined ? {} : { reason }),
      ...(retry === undefined ? {} : { retryAfterMs: retry }),
    },
  );
}

/** @param couldHold The bytes would fit if nothing else were held. */
export function budgetError(sizeBytes: number, couldHold: boolean): ServingError {
  if (couldHold) {
    return new ServingError('resource_exhausted', 'overloaded: the server holds too many bytes of requests', {
      reason: 'BYTE_BUDGET_EXCEEDED',
      retryAfterMs,
    });
  }
  return new ServingError(
    'resource_exhausted',
    `its outputs take ${sizeBytes} bytes, which exceeds the maximum allowed (--byte-budget)`,
    { reason: 'BYTE_BUDGET_EXCEEDED' },
  );
}

export function missingOutputError(name: string): ServingError {
  return new ServingError('internal', `output '${printable(name)}' was not given`, {
    reason: 'INFERENCE_FAILED',
  });
}
