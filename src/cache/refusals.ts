import { ServingError, type ErrorCode } from '../errors.ts';
import type { FailureReason } from '../inference/statistics.ts';

export function cancelledError(): ServingError {
  return new ServingError('cancelled', 'the request was cancelled', { reason: 'CANCELLED' });
}

export function deadlineError(): ServingError {
  return new ServingError('deadline_exceeded', 'the deadline passed before the request was answered', {
    reason: 'DEADLINE_EXCEEDED',
  });
}

/** What the same input will give again: a fact about the input, not about the moment. */
export function isDeterministic({ code, reason }: ServingError): boolean {
  return code === 'invalid_argument' && reason === 'INPUT_NOT_COMPUTABLE';
}

const aboutTime: ReadonlySet<string> = new Set(['WAIT_EXCEEDS_DEADLINE', 'DEADLINE_UNREACHABLE']);

/** Whether a caller with more time may be answered where this one was not. */
export function isAboutTime({ code, reason = '' }: ServingError): boolean {
  return code === 'deadline_exceeded' || code === 'cancelled' || aboutTime.has(reason);
}

export function failureReason({ code }: ServingError): FailureReason {
  return failureReasons[code] ?? 'OTHER';
}

const failureReasons: Partial<Record<ErrorCode, FailureReason>> = {
  resource_exhausted: 'REJECTED',
  unavailable: 'REJECTED',
  cancelled: 'CANCELED',
  deadline_exceeded: 'CANCELED',
  internal: 'BACKEND',
};
