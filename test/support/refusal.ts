import assert from 'node:assert/strict';
import { ServingError } from '../../src/errors.ts';

/** The ServingError that `run` throws. Fails the test when it throws something else or nothing. */
export function refusalOf(run: () => unknown): ServingError {
  let refusal: unknown;
  try {
    run();
  } catch (error) {
    refusal = error;
  }
  assert.ok(refusal instanceof ServingError, `expected a ServingError, got ${String(refusal)}`);
  return refusal;
}
