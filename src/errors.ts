/** Every way in which a request or an operation can fail. Closed: a new code needs a row in each transport's table. */
export type ErrorCode =
  | 'invalid_argument'
  | 'not_found'
  | 'already_exists'
  | 'unauthenticated'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'cancelled'
  | 'deadline_exceeded'
  | 'unimplemented'
  | 'unavailable'
  | 'internal';

export interface ServingErrorOptions {
  /** A stable word for machines, upper case, for example `MODEL_NOT_FOUND`. Listed in docs/errors.md. */
  readonly reason?: string;
  /** When a client may try again, in milliseconds. Becomes `grpc-retry-pushback-ms` and `Retry-After`. */
  readonly retryAfterMs?: number;
  /** For logs only; never sent to a client. */
  readonly cause?: unknown;
}

/**
 * The one error class for expected failures. Its message is sent to clients: no paths, no stack, at most 1 KB.
 *
 * Creating one costs no stack trace, because refusals happen on the hot path under overload (a captured stack costs
 * more than a microsecond); an unexpected error keeps its own stack as `cause`.
 */
export class ServingError extends Error {
  readonly code: ErrorCode;
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options?: ServingErrorOptions) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    Error.stackTraceLimit = limit;
    this.name = 'ServingError';
    this.code = code;
    this.reason = options?.reason;
    this.retryAfterMs = options?.retryAfterMs;
  }

  /** Turns anything thrown into a ServingError; what is not one already becomes `internal` with its text kept in `cause`. */
  static from(thrown: unknown): ServingError {
    if (thrown instanceof ServingError) return thrown;
    return new ServingError('internal', 'internal error', { cause: thrown });
  }
}
