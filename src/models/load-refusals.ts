import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';

/** Files of an override are nothing without the configuration that names them. */
export function filesNeedConfig(model: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `load failed for model '${printable(model)}': files are given without the configuration that they need (parameter 'config')`,
    { reason: 'MODEL_LOAD_FAILED' },
  );
}

/** @param cycle from the model back to itself. */
export function leadsBack(model: string, cycle: readonly string[]): ServingError {
  return new ServingError(
    'invalid_argument',
    `load failed for model '${printable(model)}': its steps lead back to it: ${cycle.map((name) => printable(name)).join(' -> ')}`,
    { reason: 'MODEL_LOAD_FAILED' },
  );
}

/** Triton's words. */
export function pollFailed(model: string): string {
  return `failed to load '${printable(model)}', failed to poll from model repository`;
}

/** @param problem why the model is refused; undefined when it is in no repository. */
export function notListed(model: string, problem: string | undefined): ServingError {
  return problem === undefined
    ? new ServingError('not_found', pollFailed(model), { reason: 'MODEL_NOT_FOUND' })
    : new ServingError('invalid_argument', `${pollFailed(model)}: ${problem}`, {
        reason: 'MODEL_LOAD_FAILED',
      });
}
