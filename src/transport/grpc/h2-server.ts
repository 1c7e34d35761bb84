import type { TlsOptions } from 'node:tls';
import { TimerWheel } from '../../util/timer-wheel.ts';
import type { H2Counters } from '../h2/counters.ts';
import { defaultLimits, type H2Limits } from '../h2/limits.ts';
import { H2Listener } from '../h2/listener.ts';
import type { StreamAcceptor } from '../h2/receiver.ts';
import type { H2Stream, StreamSink } from '../h2/stream.ts';
import { encodeTrailers } from './h2-blocks.ts';
import type { CallServices } from './h2-call.ts';
import { readGrpcRequest, type GrpcRequest, type Refusal } from './h2-request.ts';
import { StreamCall } from './h2-stream-call.ts';
import { UnaryCall } from './h2-unary-call.ts';
import type { GrpcMethod, GrpcServer, GrpcServerOptions } from './method.ts';

/** Deadlines are kept this precisely. */
const deadlineTickMs = 2;

/** Receives the body of a refused request, which nobody reads. */
const discardingSink: StreamSink = { onData() {}, onEnd() {}, onDrained() {}, onDone() {}, onAborted() {} };

function refuse(stream: H2Stream, refusal: Refusal): StreamSink {
  stream.end(refusal.kind === 'http' ? refusal.block : encodeTrailers([], refusal.status, []));
  return discardingSink;
}

function createAcceptor(
  methods: ReadonlyMap<string, GrpcMethod>,
  services: CallServices,
): StreamAcceptor<GrpcRequest> {
  return {
    readRequest: (head) => readGrpcRequest(head, methods),
    open(stream, request) {
      const { method, refusal } = request;
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

function limitsOf(options: GrpcServerOptions, overrides: Partial<H2Limits>): H2Limits {
  return {
    ...defaultLimits,
    maxConcurrentStreams: options.maxConcurrentStreams,
    maxAgeMs: options.maxConnectionAgeMs,
    maxAgeGraceMs: options.maxConnectionAgeGraceMs,
    maxIdleMs: options.maxConnectionIdleMs,
    keepaliveTimeMs: options.keepaliveTimeMs,
    keepaliveTimeoutMs: options.keepaliveTimeoutMs,
    ...overrides,
  };
}

export interface H2GrpcServer extends GrpcServer {
  readonly counters: H2Counters;
}

export interface H2GrpcServerOptions extends GrpcServerOptions {
  /** Bounds other than the defaults. */
  readonly limits?: Partial<H2Limits>;
}

/** Serves gRPC methods over our own HTTP/2. Same contract as the grpc-js transport, and counters of its limits. */
export async function startH2GrpcServer(options: H2GrpcServerOptions): Promise<H2GrpcServer> {
  const { clock, logger, listen } = options;
  const tls: TlsOptions | undefined = undefined;
  const wheel = new TimerWheel(clock, deadlineTickMs);
  const services: CallServices = {
    authenticate: options.authenticate,
    wheel,
    maxMessageBytes: options.maxMessageBytes,
  };
  const methods = new Map(options.methods.map((method) => [method.path, method]));
  const listener = await H2Listener.start({
    listen,
    tls,
    limits: limitsOf(options, options.limits ?? {}),
    clock,
    acceptor: createAcceptor(methods, services),
    onFailure: (peer, error) => logger.debug({ peer, error }, 'HTTP/2 connection failed'),
  });
  const { port } = listener;
  return {
    address: 'unixPath' in listen ? `unix:${listen.unixPath}` : `${listen.host}:${port}`,
    port,
    counters: listener.counters,
    async drain(graceMs) {
      await listener.drain(graceMs);
      wheel[Symbol.dispose]();
    },
  };
}
