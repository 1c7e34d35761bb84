import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { streamHandler, unaryHandler, type ServerState } from './grpc-js-handlers.ts';
import { createInterceptor } from './grpc-js-interceptor.ts';
import { keepTimeoutsReadable } from './grpc-js-timeout.ts';
import { listen, type Listener } from './listener.ts';
import type { GrpcServer, GrpcServerOptions, StartGrpcServer } from './method.ts';
import { openTlsSource, type TlsSource } from './tls.ts';

/** Serves methods with @grpc/grpc-js: the reference that the faster transport is compared with. */
export const startGrpcJsServer: StartGrpcServer = async (options) => {
  const { tls: tlsFiles, clock, logger } = options;
  const state: ServerState = { options, draining: false };
  const server = new Server(serverOptions(options));
  for (const method of options.methods) {
    if (method.kind === 'unary') {
      server.register(method.path, unaryHandler(state, method), same, same, 'unary');
    } else server.register(method.path, streamHandler(state, method), same, same, 'bidi');
  }
  const tls = tlsFiles === undefined ? undefined : await openTlsSource(tlsFiles, clock, logger);
  // The listener is ours, also for TLS: so certificates can change, and connections be cut off, without the library.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = await listen(options.listen, tls, (connection) => {
    if (state.draining) connection.destroy();
    else injector.injectConnection(connection);
  }).catch((error: unknown) => {
    tls?.[Symbol.dispose]();
    server.forceShutdown();
    throw error;
  });
  const timeouts = keepTimeoutsReadable();
  let drained: Promise<void> | undefined;
  return {
    address: listener.address,
    port: listener.port,
    drain(graceMs) {
      drained ??= drain({ state, server, injector, listener, tls, timeouts }, graceMs);
      return drained;
    },
  } satisfies GrpcServer;
};

interface Running {
  readonly state: ServerState;
  readonly server: Server;
  readonly injector: ReturnType<Server['createConnectionInjector']>;
  readonly listener: Listener;
  readonly tls: TlsSource | undefined;
  readonly timeouts: Disposable;
}

/** The library's own graceful stop waits for ever for peers that ignore GOAWAY; cutting connections off ends that. */
async function drain(running: Running, graceMs: number): Promise<void> {
  const { state, server, injector, listener, tls, timeouts } = running;
  state.draining = true;
  tls?.[Symbol.dispose]();
  listener.stop();
  // Sends GOAWAY on all connections, and closes each once it has no calls.
  injector.destroy();
  using _ = state.options.clock.after(graceMs, () => listener.destroyConnections());
  await listener.closed;
  timeouts[Symbol.dispose]();
  server.forceShutdown();
}

/** Messages pass as they are; the methods encode and decode. */
function same(message: Buffer): Buffer {
  return message;
}

const bytesPerMegabyte = 1_000_000;

/** The server's limits in grpc-js's words. What is 0 or Infinity is left out: grpc-js then sets no limit. */
function serverOptions(options: GrpcServerOptions): ServerOptions {
  const channelOptions: ServerOptions = {
    'grpc.max_receive_message_length': options.maxMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': options.maxConcurrentStreams,
    // In megabytes per connection; above it new calls are refused. Room for some messages of the largest size.
    'grpc-node.max_session_memory': Math.ceil((8 * options.maxMessageBytes) / bytesPerMegabyte) + 16,
    'grpc.enable_channelz': 0,
    interceptors: [createInterceptor(options.maxMessageBytes)],
  };
  const durations = {
    'grpc.max_connection_age_ms': options.maxConnectionAgeMs,
    'grpc.max_connection_age_grace_ms': options.maxConnectionAgeGraceMs,
    'grpc.max_connection_idle_ms': options.maxConnectionIdleMs,
    'grpc.keepalive_time_ms': options.keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs,
  };
  for (const [name, durationMs] of Object.entries(durations)) {
    if (durationMs > 0 && durationMs < Infinity) Object.assign(channelOptions, { [name]: durationMs });
  }
  return channelOptions;
}
