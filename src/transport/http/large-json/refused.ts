import { ServingError } from '../../../errors.ts';
import { FeatureMistakes, InvalidFeatures } from '../dialects/plain/invalid-features.ts';
import type { Refused } from './messages.ts';

/** What another thread is told of a failure; of an unexpected one only that there was one. */
export function toRefused(thrown: unknown): Refused {
  const error = ServingError.from(thrown);
  const { code, message, reason, retryAfterMs } = error;
  const mistakes =
    error instanceof InvalidFeatures ? { listed: error.mistakes, count: error.count } : undefined;
  return { code, message, reason, retryAfterMs, mistakes };
}

/** The error that another thread has told of. */
export function fromRefused({ code, message, reason, retryAfterMs, mistakes }: Refused): ServingError {
  if (mistakes !== undefined) return FeatureMistakes.error(mistakes.listed, mistakes.count);
  return new ServingError(code, message, {
    ...(reason === undefined ? {} : { reason }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
