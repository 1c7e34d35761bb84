import { ServingError, type ErrorCode } from '../../errors.ts';
import { printable } from '../../util/printable.ts';
import type { MetadataValue } from './method.ts';
import { encodeBytesField, encodeStringField, encodeVarintField } from './wire-writer.ts';

/** The gRPC status of every error code. */
export const grpcStatusCodes = {
  invalid_argument: 3,
  not_found: 5,
  already_exists: 6,
  unauthenticated: 16,
  permission_denied: 7,
  resource_exhausted: 8,
  failed_precondition: 9,
  cancelled: 1,
  deadline_exceeded: 4,
  unimplemented: 12,
  unavailable: 14,
  internal: 13,
} as const satisfies Record<ErrorCode, number>;

/** Status messages travel in a header, and intermediaries bound those: with the dots of a cut text 1,024 characters. */
const maxMessageCharacters = 1021;

/** How a failed call ends, on every transport. */
export interface GrpcStatus {
  readonly code: number;
  /** Printable, at most 1,024 characters; percent-encoding is the transport's part. */
  readonly message: string;
  readonly trailers: readonly (readonly [name: string, value: MetadataValue])[];
}

/** The status of anything thrown by a handler. What is not a ServingError says only `internal error`. */
export function toGrpcStatus(thrown: unknown): GrpcStatus {
  const error = ServingError.from(thrown);
  const code = grpcStatusCodes[error.code];
  const message = clientMessage(error.message);
  const trailers: (readonly [string, MetadataValue])[] = [];
  if (error.retryAfterMs !== undefined) {
    trailers.push(['grpc-retry-pushback-ms', String(Math.max(0, Math.ceil(error.retryAfterMs)))]);
  }
  if (error.reason !== undefined) {
    trailers.push(['grpc-status-details-bin', encodeStatusDetails(code, message, error.reason)]);
  }
  return { code, message, trailers };
}

/** The text as a client may see it: bounded and printable, whatever names of the request it repeats. */
export function clientMessage(message: string): string {
  return printable(message, maxMessageCharacters);
}

/** google.rpc.Status with one google.rpc.ErrorInfo. */
function encodeStatusDetails(code: number, message: string, reason: string): Buffer {
  const errorInfo = Buffer.concat([encodeStringField(1, reason), encodeStringField(2, 'tensorgate')]);
  const any = Buffer.concat([
    encodeStringField(1, 'type.googleapis.com/google.rpc.ErrorInfo'),
    encodeBytesField(2, errorInfo),
  ]);
  return Buffer.concat([encodeVarintField(1, code), encodeStringField(2, message), encodeBytesField(3, any)]);
}
