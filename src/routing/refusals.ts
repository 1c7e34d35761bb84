import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';

export function mayNotChoose(): ServingError {
  return new ServingError('permission_denied', "the header 'tensorgate-arm' needs the scope 'route'", {
    reason: 'SCOPE_MISSING',
  });
}

/** @param arms those that there are. */
export function noSuchArm(model: string, wanted: string, arms: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `model '${model}' has no arm '${printable(wanted)}' now; there are: ${arms}`,
    { reason: 'ARM_NOT_FOUND' },
  );
}

export function armNotReady(model: string, arm: string): ServingError {
  return new ServingError('unavailable', `the version of arm '${arm}' of model '${model}' is not ready`, {
    reason: 'ARM_NOT_READY',
    retryAfterMs: 1000,
  });
}
