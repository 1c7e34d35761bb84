import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { fileURLToPath } from 'node:url';
import {
  Client as GrpcClient,
  Metadata,
  credentials,
  status as grpcStatus,
  type CallOptions as GrpcCallOptions,
  type ClientDuplexStream,
  type ServiceError,
  type VerifyOptions,
} from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { ServingError, type ErrorCode } from '../errors.ts';
import type { CallOptions, ClientOptions } from './types.ts';

/** A decoded message: the proto's own field names, int64 as decimal strings, enums as names, defaults filled in. */
export type WireMessage = Readonly<Record<string, unknown>>;

const protoFolder = fileURLToPath(new URL('../../proto/', import.meta.url));

const codes: Readonly<Record<number, ErrorCode>> = {
  [grpcStatus.CANCELLED]: 'cancelled',
  [grpcStatus.INVALID_ARGUMENT]: 'invalid_argument',
  [grpcStatus.DEADLINE_EXCEEDED]: 'deadline_exceeded',
  [grpcStatus.NOT_FOUND]: 'not_found',
  [grpcStatus.ALREADY_EXISTS]: 'already_exists',
  [grpcStatus.PERMISSION_DENIED]: 'permission_denied',
  [grpcStatus.RESOURCE_EXHAUSTED]: 'resource_exhausted',
  [grpcStatus.FAILED_PRECONDITION]: 'failed_precondition',
  [grpcStatus.UNIMPLEMENTED]: 'unimplemented',
  [grpcStatus.UNAVAILABLE]: 'unavailable',
  [grpcStatus.UNAUTHENTICATED]: 'unauthenticated',
};

/** Calls by name to one service of one server, over one HTTP/2 connection. Connects at the first call. */
export class Connection {
  readonly #client: GrpcClient;
  readonly #methods: Readonly<Record<string, MethodDefinition<object, object>>>;
  readonly #apiKey: string | undefined;

  /** @param protoFile below proto/. */
  constructor(options: ClientOptions, protoFile: string, serviceName: string) {
    this.#methods = loadMethods(protoFile, serviceName);
    this.#apiKey = options.apiKey;
    const { tls, address, maxMessageBytes = 2 ** 31 - 1 } = options;
    const ip = tls === undefined ? undefined : ipOf(address);
    const secure =
      tls === undefined
        ? credentials.createInsecure()
        : credentials.createSsl(tls.ca, tls.key, tls.cert, ip === undefined ? {} : identityOfIp(ip));
    this.#client = new GrpcClient(address, secure, {
      ...(ip === undefined ? {} : { 'grpc.ssl_target_name_override': nameOfNoServer }),
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.max_send_message_length': maxMessageBytes,
    });
  }

  /** @throws ServingError with the server's code and text. */
  unary(rpc: string, message: object, { timeoutMs, signal }: CallOptions = {}): Promise<WireMessage> {
    const method = this.#method(rpc);
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(new ServingError('cancelled', 'the call was cancelled before it was sent'));
        return;
      }
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        message,
        this.#metadata(),
        callOptions(timeoutMs),
        (error, reply) => {
          signal?.removeEventListener('abort', cancel);
          if (error !== null) reject(servingError(error));
          else resolve(reply as WireMessage);
        },
      );
      const cancel = (): void => call.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  stream(rpc: string, { timeoutMs }: CallOptions = {}): ClientDuplexStream<object, object> {
    const method = this.#method(rpc);
    return this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      this.#metadata(),
      callOptions(timeoutMs),
    );
  }

  /** Running calls end with `cancelled`. */
  close(): void {
    this.#client.close();
  }

  #method(rpc: string): MethodDefinition<object, object> {
    const method = this.#methods[rpc];
    if (method === undefined) throw new Error(`bug: no rpc ${rpc}`);
    return method;
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    if (this.#apiKey !== undefined) metadata.set('authorization', `Bearer ${this.#apiKey}`);
    return metadata;
  }
}

/**
 * What grpc-js names in the TLS handshake with an IP address: RFC 6066 forbids the address itself, Node refuses it, and
 * grpc-js would send it.
 */
const nameOfNoServer = 'address.invalid';

/** The IP address of `1.2.3.4:80` or `[::1]:80`; undefined for names and sockets. */
function ipOf(address: string): string | undefined {
  const host = /^\[([^\]]+)\](?::\d+)?$|^([^:]+)(?::\d+)?$/.exec(address);
  const ip = host?.[1] ?? host?.[2] ?? address;
  return isIP(ip) === 0 ? undefined : ip;
}

/** The certificate has to be for the address, not for the name that stands in for it. */
function identityOfIp(ip: string): VerifyOptions {
  return { checkServerIdentity: (_name, certificate) => checkServerIdentity(ip, certificate) };
}

/** What grpc-js reports, in our words. */
export function servingError(error: ServiceError): ServingError {
  const pushback = Number(error.metadata?.get('grpc-retry-pushback-ms')[0]);
  const retry = Number.isFinite(pushback) ? { retryAfterMs: pushback } : {};
  return new ServingError(codes[error.code] ?? 'internal', error.details, { ...retry, cause: error });
}

function callOptions(timeoutMs: number | undefined): GrpcCallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function loadMethods(
  protoFile: string,
  serviceName: string,
): Readonly<Record<string, MethodDefinition<object, object>>> {
  const service = loadSync(protoFile, {
    includeDirs: [protoFolder],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  })[serviceName];
  if (service === undefined || 'format' in service)
    throw new Error(`bug: ${protoFile} has no ${serviceName}`);
  return service;
}
