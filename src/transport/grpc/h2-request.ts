import { ServingError } from '../../errors.ts';
import type { HeaderExcess, RequestHead } from '../h2/request-head.ts';
import { methodNotAllowed, unsupportedMediaType } from './h2-blocks.ts';
import { acceptedEncodings, isGrpcEncoding, type GrpcEncoding } from './h2-compression.ts';
import { parseTimeout } from './h2-timeout.ts';
import type { GrpcMethod } from './method.ts';
import { toGrpcStatus, type GrpcStatus } from './status.ts';

/** Why a call is answered before its message is looked at: with a plain HTTP reply, or with a status. */
export type Refusal =
  | { readonly kind: 'http'; readonly block: Uint8Array }
  | { readonly kind: 'status'; readonly status: GrpcStatus };

/** What a header section means as a gRPC call. Shared by all calls with the same header section. */
export interface GrpcRequest {
  readonly head: RequestHead;
  /** Undefined together with a refusal only. */
  readonly method: GrpcMethod | undefined;
  readonly refusal: Refusal | undefined;
  /** Infinity without a deadline. */
  readonly timeoutMs: number;
  /** Of messages whose compressed flag is set. */
  readonly encoding: GrpcEncoding;
  readonly header: (name: string) => string | undefined;
}

function refuse(error: ServingError): Refusal {
  return { kind: 'status', status: toGrpcStatus(error) };
}

export function isGrpcContentType(value: string | undefined): boolean {
  if (value === undefined || !value.toLowerCase().startsWith('application/grpc')) return false;
  const next = value.charAt('application/grpc'.length);
  return next === '' || next === '+' || next === ';' || next === ' ';
}

function metadataTooLarge({ sizeBytes, limitBytes }: HeaderExcess): ServingError {
  return new ServingError(
    'resource_exhausted',
    `metadata of ${sizeBytes} bytes, each field counted with 32 more, exceeds the limit of ${limitBytes} bytes (--max-header-bytes)`,
    { reason: 'METADATA_TOO_LARGE' },
  );
}

function unsupportedEncoding(name: string): Refusal {
  const status = toGrpcStatus(
    new ServingError('unimplemented', `grpc-encoding ${JSON.stringify(name.slice(0, 64))} is not supported`),
  );
  return {
    kind: 'status',
    status: { ...status, trailers: [...status.trailers, ['grpc-accept-encoding', acceptedEncodings]] },
  };
}

function findRefusal(head: RequestHead, method: GrpcMethod | undefined): Refusal | undefined {
  if (head.excess !== undefined) return refuse(metadataTooLarge(head.excess));
  if (head.method !== 'POST') return { kind: 'http', block: methodNotAllowed };
  if (!isGrpcContentType(head.contentType)) return { kind: 'http', block: unsupportedMediaType };
  if (method === undefined) {
    return refuse(new ServingError('unimplemented', `unknown method ${head.path.slice(0, 256)}`));
  }
  return undefined;
}

/** Reads a header section against the table of methods. Depends on nothing else, so the result can be cached. */
export function readGrpcRequest(head: RequestHead, methods: ReadonlyMap<string, GrpcMethod>): GrpcRequest {
  const method = methods.get(head.path);
  let refusal = findRefusal(head, method);
  const timeout = head.get('grpc-timeout');
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseTimeout(timeout);
  if (timeoutMs === undefined) {
    refusal ??= refuse(
      new ServingError('invalid_argument', 'grpc-timeout is not one to eight digits and a unit'),
    );
  }
  const encoding = head.get('grpc-encoding') ?? 'identity';
  const isKnown = isGrpcEncoding(encoding);
  if (!isKnown) refusal ??= unsupportedEncoding(encoding);
  return {
    head,
    method,
    refusal,
    timeoutMs: timeoutMs ?? Number.POSITIVE_INFINITY,
    encoding: isKnown ? encoding : 'identity',
    header: (name) => head.get(name),
  };
}
