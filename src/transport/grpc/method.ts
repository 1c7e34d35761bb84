import type { Authenticate } from '../../inference/authenticate.ts';
import type { CallContext } from '../../inference/call-context.ts';
import type { Logger } from '../../inference/logger.ts';
import type { Scope } from '../../inference/principal.ts';
import type { Clock } from '../../util/clock.ts';

/** A message as one buffer, or as pieces that are sent back to back without being copied together. */
export type Encoded = Uint8Array | readonly Uint8Array[];

/** Metadata names are lower case; values of names that end in `-bin` are bytes, all others printable ASCII. */
export type MetadataValue = string | Uint8Array;

/** What a handler sees of a call, on every transport. */
export interface GrpcCall {
  readonly context: CallContext;
  /** Full method path, for example `/inference.GRPCInferenceService/ModelInfer`. */
  readonly path: string;
  /** The first value of a metadata name, or undefined. */
  metadata(name: string): MetadataValue | undefined;
  /** All metadata of the call, in order; for rare needs. */
  allMetadata(): Iterable<readonly [string, MetadataValue]>;
  /** Adds initial metadata; sent with the first message, or merged into a trailers-only reply. */
  addHeader(name: string, value: MetadataValue): void;
  /** Adds trailing metadata, also to a failed call. */
  addTrailer(name: string, value: MetadataValue): void;
  /** 'unix:<path>' or 'host:port' of the peer. */
  readonly peer: string;
}

/** One request message, one reply message. A thrown or rejected ServingError becomes the status, trailers-only. */
export interface UnaryMethod {
  readonly kind: 'unary';
  readonly path: string;
  /** Which scope a caller needs; 'none' for health and reflection. */
  readonly scope: Scope | 'none';
  handle(message: Buffer, call: GrpcCall): Encoded | Promise<Encoded>;
}

/** Any number of messages either way: client, server and bidirectional streaming. */
export interface StreamMethod {
  readonly kind: 'stream';
  readonly path: string;
  readonly scope: Scope | 'none';
  /**
   * The call ends OK when the promise resolves, with its error's status when it rejects. `messages` ends when the client
   * half-closes and throws cancelled when the call is cancelled.
   */
  handle(messages: AsyncIterable<Buffer>, reply: ReplyStream, call: GrpcCall): Promise<void>;
}

export interface ReplyStream {
  /** Resolves when the transport can take more (backpressure). Rejects with cancelled when nobody reads any more. */
  send(message: Encoded): Promise<void>;
}

export type GrpcMethod = UnaryMethod | StreamMethod;

/** What a transport counts of its connections, from its start; `heldBytes` is a gauge. */
export interface TransportCounters {
  readonly connectionsOpened: number;
  readonly connectionsClosed: number;
  readonly streamsOpened: number;
  readonly streamsReset: number;
  readonly connectionErrors: number;
  readonly heldBytes: number;
  /** How often each limit was hit. */
  readonly limitHits: Readonly<Record<string, number>>;
}

/** A running listener of either transport. */
export interface GrpcServer {
  /** Bound address, with the port that the system chose for 0. */
  readonly address: string;
  readonly port: number;
  /** undefined for grpc-js, which counts nothing. Changes as it counts. */
  readonly counters?: TransportCounters;
  /**
   * Refuses new calls, tells clients to go elsewhere (GOAWAY), lets running calls finish, and closes what is still open
   * after `graceMs`. Idempotent.
   */
  drain(graceMs: number): Promise<void>;
}

/** PEM files, read at start and again when they change. `clientCa` turns on mutual TLS. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | undefined;
}

/** Same for both transports. Durations in milliseconds; Infinity is never. */
export interface GrpcServerOptions {
  /** `reusePort`: several threads listen on the port, and the system spreads connections over them. */
  readonly listen:
    | { readonly host: string; readonly port: number; readonly reusePort?: boolean }
    | { readonly unixPath: string };
  readonly methods: readonly GrpcMethod[];
  readonly tls: TlsFiles | undefined;
  readonly authenticate: Authenticate;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A larger message is refused with resource_exhausted and a text that names `--grpc-max-message-bytes`. */
  readonly maxMessageBytes: number;
  /** Of the header fields of one call; left out, the transport's own bound. grpc-js has none but Node's. */
  readonly maxHeaderBytes?: number;
  readonly maxConcurrentStreams: number;
  readonly maxConnectionAgeMs: number;
  readonly maxConnectionAgeGraceMs: number;
  readonly maxConnectionIdleMs: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
}

export type StartGrpcServer = (options: GrpcServerOptions) => Promise<GrpcServer>;
