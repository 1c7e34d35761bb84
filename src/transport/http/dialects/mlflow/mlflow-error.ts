import { ServingError, type ErrorCode } from '../../../../errors.ts';
import { printable } from '../../../../util/printable.ts';
import { jsonReply, type HttpReply } from '../../reply.ts';
import { errorReply } from '../../status.ts';

/** Names of mlflow.protos.ErrorCode. */
const errorCodes = {
  invalid_argument: 'BAD_REQUEST',
  not_found: 'RESOURCE_DOES_NOT_EXIST',
  already_exists: 'RESOURCE_ALREADY_EXISTS',
  unauthenticated: 'UNAUTHENTICATED',
  permission_denied: 'PERMISSION_DENIED',
  resource_exhausted: 'REQUEST_LIMIT_EXCEEDED',
  failed_precondition: 'INVALID_STATE',
  cancelled: 'CANCELLED',
  deadline_exceeded: 'DEADLINE_EXCEEDED',
  unimplemented: 'NOT_IMPLEMENTED',
  unavailable: 'TEMPORARILY_UNAVAILABLE',
  internal: 'INTERNAL_ERROR',
} as const satisfies Record<ErrorCode, string>;

/** `{"error_code": "BAD_REQUEST", "message": "..."}`. */
export function mlflowErrorReply(thrown: unknown): HttpReply {
  const error = ServingError.from(thrown);
  const { status, headers } = errorReply(error);
  const body = { error_code: errorCodes[error.code], message: printable(error.message, 1021) };
  return jsonReply(body, status, headers);
}
