import { ServingError, type ErrorCode } from '../../errors.ts';
import { printable } from '../../util/printable.ts';
import { jsonReply, type HttpReply } from './reply.ts';

/** The HTTP status of every error code: Triton's where Triton has the code. A client's mistake is never 500. */
export const httpStatusCodes = {
  invalid_argument: 400,
  not_found: 404,
  already_exists: 400,
  unauthenticated: 401,
  permission_denied: 403,
  resource_exhausted: 429,
  failed_precondition: 400,
  cancelled: 499,
  deadline_exceeded: 504,
  unimplemented: 501,
  unavailable: 503,
  internal: 500,
} as const satisfies Record<ErrorCode, number>;

/** For models that there is no memory for: a proxy must not try again, as it does after 429. */
const insufficientStorage = 507;

/** As over gRPC: with the dots of a cut text 1,024 characters. */
const maxMessageCharacters = 1021;

/** Header with the reason word of an error; the body holds the text alone, as clients of the protocol expect. */
export const reasonHeader = 'Tensorgate-Reason';

/** The reply to anything thrown by a handler. What is not a ServingError says only `internal error`. */
export function errorReply(thrown: unknown): HttpReply {
  const error = ServingError.from(thrown);
  const status = error.reason === 'MODEL_MEMORY' ? insufficientStorage : httpStatusCodes[error.code];
  const headers: string[] = [];
  if (error.reason !== undefined) headers.push(reasonHeader, error.reason);
  if (error.retryAfterMs !== undefined) {
    const retryAfterMs = Math.max(0, Math.ceil(error.retryAfterMs));
    headers.push('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
    headers.push('Retry-After-Ms', String(retryAfterMs));
  } else if (status === 503) headers.push('Retry-After', '1');
  if (status === 401) headers.push('WWW-Authenticate', 'Bearer');
  if (error.reason === 'ENCODING_UNSUPPORTED') headers.push('Accept-Encoding', 'gzip, deflate');
  return jsonReply(errorBody(error), status, headers);
}

/** The same error where the status has been sent: JSON, as the body would be. */
export function errorText(thrown: unknown): string {
  return JSON.stringify(errorBody(ServingError.from(thrown)));
}

function errorBody({ message }: ServingError): { readonly error: string } {
  return { error: printable(message, maxMessageCharacters) };
}
