import { parseAddress } from './config/address.ts';
import type { Options } from './config/options.ts';
import { ServingError } from './errors.ts';
import type { Authenticate } from './inference/authenticate.ts';
import type { Logger } from './inference/logger.ts';
import type {
  GrpcMethod,
  GrpcServer,
  GrpcServerOptions,
  StartGrpcServer,
  TlsFiles,
} from './transport/grpc/method.ts';
import type { PortGuest } from './transport/grpc/h2-server.ts';
import type { Clock } from './util/clock.ts';

type Listen = GrpcServerOptions['listen'];

export interface ListenContext {
  readonly authenticate: Authenticate;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface GrpcPorts {
  readonly methods: readonly GrpcMethod[];
  readonly context: ListenContext;
  /** What else is served on them. */
  readonly guest: PortGuest | undefined;
}

/** The gRPC listeners of `--grpc-address` and `--grpc-unix-socket`; none when gRPC is off. */
export async function listenGrpc(
  options: Options,
  { methods, context, guest }: GrpcPorts,
): Promise<GrpcServer[]> {
  const { grpc, server } = options;
  if (!grpc.enabled) return [];
  const start = await transport(grpc.transport, guest);
  const reusePort = server.ioThreads > 1;
  const wanted: Listen[] = [{ host: grpc.address, port: grpc.port, reusePort }];
  if (grpc.unixSocket !== undefined) wanted.push({ unixPath: grpc.unixSocket });
  return startAll(wanted, (listen) =>
    start(serverOptions(options, { listen, methods, tls: tlsFiles(grpc.tls, grpc.tls), context })),
  );
}

/** The administration listener; undefined when it is off. */
export async function listenAdmin(
  options: Options,
  methods: readonly GrpcMethod[],
  context: ListenContext,
): Promise<GrpcServer | undefined> {
  const { grpc, admin } = options;
  if (admin.address === 'off') return undefined;
  const listen = parseAddress(admin.address);
  if (listen === undefined) throw new Error('bug: the admin address was not checked');
  const start = await transport(grpc.transport, undefined);
  return start(serverOptions(options, { listen, methods, tls: undefined, context }));
}

async function transport(
  name: Options['grpc']['transport'],
  guest: PortGuest | undefined,
): Promise<StartGrpcServer> {
  if (name === 'grpc-js') return (await import('./transport/grpc/grpc-js-server.ts')).startGrpcJsServer;
  const { startH2GrpcServer } = await import('./transport/grpc/h2-server.ts');
  return guest === undefined ? startH2GrpcServer : (options) => startH2GrpcServer({ ...options, guest });
}

/** All or none: when one cannot listen, those that do are closed again. */
async function startAll(
  wanted: readonly Listen[],
  start: (listen: Listen) => Promise<GrpcServer>,
): Promise<GrpcServer[]> {
  const servers: GrpcServer[] = [];
  try {
    for (const listen of wanted) servers.push(await start(listen));
  } catch (error) {
    await Promise.all(servers.map((server) => server.drain(0)));
    throw error;
  }
  return servers;
}

interface Parts {
  readonly listen: Listen;
  readonly methods: readonly GrpcMethod[];
  readonly tls: TlsFiles | undefined;
  readonly context: ListenContext;
}

function serverOptions(
  { grpc, server }: Options,
  { listen, methods, tls, context }: Parts,
): GrpcServerOptions {
  return {
    listen,
    methods,
    tls,
    authenticate: context.authenticate,
    clock: context.clock,
    logger: context.logger,
    maxMessageBytes: grpc.maxMessageBytes,
    maxHeaderBytes: server.maxHeaderBytes,
    maxConcurrentStreams: grpc.maxConcurrentStreams,
    maxConnectionAgeMs: durationMs(grpc.maxConnectionAgeMs),
    maxConnectionAgeGraceMs: durationMs(grpc.maxConnectionAgeGraceMs),
    maxConnectionIdleMs: durationMs(grpc.maxConnectionIdleMs),
    keepaliveTimeMs: durationMs(grpc.keepaliveTimeMs),
    keepaliveTimeoutMs: grpc.keepaliveTimeoutMs,
  };
}

/** 0 in the configuration is never. */
function durationMs(configured: number): number {
  return configured === 0 ? Infinity : configured;
}

/** The files that gRPC's options name, for a front that wants TLS; undefined for one that does not. */
export function tlsFiles(
  { cert, key, clientCa }: Options['grpc']['tls'],
  wanted: Options['http']['tls'],
): TlsFiles | undefined {
  if (!wanted.enabled && !wanted.mutual) return undefined;
  if (cert === undefined || key === undefined) {
    throw new ServingError('invalid_argument', 'TLS needs --grpc-server-cert and --grpc-server-key');
  }
  return { cert, key, clientCa: wanted.mutual ? clientCa : undefined };
}
