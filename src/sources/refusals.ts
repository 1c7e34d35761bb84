import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';

/** The source holds, or sends, what is not taken from any source. Its texts go to the log and to the command line. */
export function sourceRefused(problem: string): ServingError {
  return new ServingError('failed_precondition', problem, { reason: 'SOURCE_REFUSED' });
}

/** What was listed is not what is there now; the next listing tells. */
export function sourceChanged(path: string): ServingError {
  return new ServingError('failed_precondition', `'${printable(path, 200)}' changed while it was fetched`, {
    reason: 'SOURCE_CHANGED',
  });
}

/** Nothing there answers as it should; it may later. */
export function sourceUnreachable(problem: string): ServingError {
  return new ServingError('unavailable', problem, { reason: 'SOURCE_UNREACHABLE' });
}

/** What may be told of an error that a store's client threw: the rest of it may hold headers of requests, with credentials. */
export function errorWord(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  const code = 'code' in error ? error.code : undefined;
  return printable(typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code) ? code : error.name);
}

/** The place of the source, or what it needs here, is wrong: only the operator can help. */
export function sourceMisconfigured(problem: string): ServingError {
  return new ServingError('invalid_argument', problem, { reason: 'SOURCE_CONFIGURATION' });
}
