import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { ServingError } from '../../errors.ts';
import { TimerWheel } from '../../util/timer-wheel.ts';
import { ConnectionError } from '../h2/connection-error.ts';
import type { H2Counters } from '../h2/counters.ts';
import { defaultLimits, type H2Limits } from '../h2/limits.ts';
import { H2Listener } from '../h2/listener.ts';
import type { StreamAcceptor } from '../h2/receiver.ts';
import type { RequestHead } from '../h2/request-head.ts';
import type { H2Stream, StreamSink } from '../h2/stream.ts';
import { encodeTrailers } from './h2-blocks.ts';
import type { CallServices } from './h2-call.ts';
import { isGrpcContentType, readGrpcRequest, type GrpcRequest, type Refusal } from './h2-request.ts';
import { StreamCall } from './h2-stream-call.ts';
import { UnaryCall } from './h2-unary-call.ts';
import type { GrpcMethod, GrpcServer, GrpcServerOptions } from './method.ts';
import { toGrpcStatus, type GrpcStatus } from './status.ts';
import { openTlsSource, type TlsSource } from './tls.ts';

/** Deadlines are kept this precisely. */
const deadlineTickMs = 2;

/** Receives the body of a refused request, which nobody reads. */
const discardingSink: StreamSink = { onData() {}, onEnd() {}, onDrained() {}, onDone() {}, onAborted() {} };

function refuse(stream: H2Stream, refusal: Refusal): StreamSink {
  stream.end(refusal.kind === 'http' ? refusal.block : encodeTrailers([], refusal.status, []));
  return discardingSink;
}

interface ServerState extends CallServices {
  /** From the start of draining new calls are refused, also those that crossed the GOAWAY. */
  draining: boolean;
}

const shuttingDown: Refusal = {
  kind: 'status',
  status: toGrpcStatus(
    new ServingError('unavailable', 'GRPC server is shutting down and has stopped accepting new requests.', {
      reason: 'SHUTTING_DOWN',
    }),
  ),
};

function createAcceptor(
  methods: ReadonlyMap<string, GrpcMethod>,
  services: ServerState,
): StreamAcceptor<GrpcRequest> {
  return {
    readRequest: (head) => readGrpcRequest(head, methods),
    open(stream, request) {
      const { method } = request;
      const refusal = services.draining ? shuttingDown : request.refusal;
      if (refusal !== undefined) return refuse(stream, refusal);
      if (method === undefined) throw new Error('bug: no method and no refusal');
      if (method.kind === 'unary') return new UnaryCall(stream, request, services, method);
      const call = new StreamCall(stream, request, services, method);
      stream.sink = call;
      call.run();
      return call;
    },
  };
}

type Opener = ReturnType<PortGuest['readRequest']>;

/** Requests that are not gRPC go to the guest. */
function withGuest(own: StreamAcceptor<GrpcRequest>, guest: PortGuest): StreamAcceptor<Opener> {
  return {
    readRequest(head) {
      if (!isGrpcContentType(head.contentType)) return guest.readRequest(head);
      const request = own.readRequest(head);
      return (stream) => own.open(stream, request);
    },
    open: (stream, opener) => opener(stream),
  };
}

/** Durations of 0 mean no limit, as Infinity does. */
function orNever(durationMs: number): number {
  return durationMs > 0 ? durationMs : Number.POSITIVE_INFINITY;
}

function limitsOf(options: GrpcServerOptions, overrides: Partial<H2Limits>): H2Limits {
  return {
    ...defaultLimits,
    maxHeaderListBytes: options.maxHeaderBytes ?? defaultLimits.maxHeaderListBytes,
    maxConcurrentStreams: options.maxConcurrentStreams,
    maxAgeMs: orNever(options.maxConnectionAgeMs),
    maxAgeGraceMs: orNever(options.maxConnectionAgeGraceMs),
    maxIdleMs: orNever(options.maxConnectionIdleMs),
    keepaliveTimeMs: orNever(options.keepaliveTimeMs),
    keepaliveTimeoutMs: orNever(options.keepaliveTimeoutMs),
    ...overrides,
  };
}

export interface H2GrpcServer extends GrpcServer {
  readonly counters: H2Counters;
}

/** What else is served on the port. */
export interface PortGuest {
  /** Takes the header section of a request that is not gRPC; the result opens the streams that begin with it. */
  readRequest(head: RequestHead): (stream: H2Stream) => StreamSink;
  /** Takes a connection that does not speak HTTP/2. `first` is what was read of it, paused then; or empty. */
  take(socket: Socket, first: Buffer): void;
}

export interface H2GrpcServerOptions extends GrpcServerOptions {
  /** Bounds other than the defaults. */
  readonly limits?: Partial<H2Limits>;
  readonly guest?: PortGuest;
  /** The status of what a handler throws; that of a ServingError by default. */
  readonly toStatus?: (thrown: unknown) => GrpcStatus;
}

/** Serves gRPC methods over our own HTTP/2. Same contract as the grpc-js transport, and counters of its limits. */
export async function startH2GrpcServer(options: H2GrpcServerOptions): Promise<H2GrpcServer> {
  const { clock, logger, tls: tlsFiles } = options;
  const wheel = new TimerWheel(clock, deadlineTickMs);
  const state: ServerState = {
    authenticate: options.authenticate,
    wheel,
    maxMessageBytes: options.maxMessageBytes,
    toStatus: options.toStatus ?? toGrpcStatus,
    draining: false,
  };
  const methods = new Map(options.methods.map((method) => [method.path, method]));
  const tls = tlsFiles === undefined ? undefined : await openTlsSource(tlsFiles, clock, logger);
  const { guest } = options;
  const acceptor = createAcceptor(methods, state);
  const shared = {
    listen: options.listen,
    tls: tls === undefined ? undefined : tlsOptions(tls),
    limits: limitsOf(options, options.limits ?? {}),
    clock,
    onFailure(peer: string, error: unknown) {
      if (!(error instanceof ConnectionError)) {
        logger.error({ peer, error }, 'HTTP/2 connection ended over an unexpected error');
      } else if (error.limit === undefined) {
        logger.debug({ peer, error }, 'HTTP/2 connection ended over an error of its peer');
      } else {
        logger.warn({ peer, limit: error.limit }, 'HTTP/2 connection ended: its peer exceeded a limit');
      }
    },
  };
  const starting =
    guest === undefined
      ? H2Listener.start({ ...shared, acceptor })
      : H2Listener.start({
          ...shared,
          acceptor: withGuest(acceptor, guest),
          onOther: (socket, first) => guest.take(socket, first),
        });
  const listener = await Promise.resolve<H2Listener<GrpcRequest> | H2Listener<Opener>>(starting).catch(
    (error: unknown) => {
      tls?.[Symbol.dispose]();
      throw error;
    },
  );
  tls?.onReload((context) => listener.setSecureContext(context));
  return {
    address: listener.address,
    port: listener.port,
    counters: listener.counters,
    async drain(graceMs) {
      state.draining = true;
      tls?.[Symbol.dispose]();
      await listener.drain(graceMs);
      wheel[Symbol.dispose]();
    },
  };
}

function tlsOptions(tls: TlsSource): TlsOptions {
  return { ...tls.context, requestCert: tls.mutual, rejectUnauthorized: tls.mutual };
}
