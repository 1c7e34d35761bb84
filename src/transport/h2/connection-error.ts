import type { LimitName } from './limits.ts';

/** A violation that ends the connection with GOAWAY. Its message goes into the debug data and the log. */
export class ConnectionError extends Error {
  /** Of RFC 9113, section 7. */
  readonly code: number;
  /** The limit that was exceeded, if one was. */
  readonly limit: LimitName | undefined;

  constructor(code: number, message: string, limit?: LimitName) {
    const depth = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = depth;
    this.name = 'ConnectionError';
    this.code = code;
    this.limit = limit;
  }
}
