import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { TimerWheel } from '../../util/timer-wheel.ts';
import { BodyBudget } from './body-budget.ts';
import { CrossOrigin } from './cross-origin.ts';
import { DialectRoutes } from './dialect.ts';
import type { Endpoints } from './endpoint-table.ts';
import { Exchange, type ExchangeServices } from './exchange.ts';
import {
  defaultHttpLimits,
  type HttpLimits,
  type HttpServer,
  type HttpServerOptions,
  type HttpTls,
} from './http-server-options.ts';
import { createInferEndpoints } from './infer.ts';
import { createHealthEndpoints, createMetadataEndpoints } from './metadata.ts';
import { createRepositoryEndpoints } from './repository.ts';
import { createSettingsEndpoints } from './settings.ts';
import { createSharedMemoryEndpoints } from './shared-memory.ts';
import { createStatisticsEndpoints } from './statistics.ts';

/** Deadlines are kept this precisely. */
const deadlineTickMs = 2;

/** How often Node looks for slow heads and requests. */
const slownessCheckMs = 1000;

/**
 * Serves the protocol's REST form over HTTP/1.1.
 *
 * @throws what the system says when the address cannot be had; nothing is left open then.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { clock, logger, listen } = options;
  const limits = { ...defaultHttpLimits, ...options.limits };
  const wheel = new TimerWheel(clock, deadlineTickMs);
  const services: ExchangeServices = {
    endpoints: createEndpoints(options, limits, () => services.draining),
    dialects: createDialectRoutes(options, limits),
    authenticate: options.authenticate,
    crossOrigin: new CrossOrigin(options.corsOrigins),
    wheel,
    clock,
    budget: new BodyBudget(limits.maxHeldBytes),
    limits,
    draining: false,
  };
  const server = createListener(options.tls, limits);
  const connections = new Connections(limits.maxPipelined);
  server.on('connection', (socket: Socket) => connections.add(socket));
  const serve = (request: IncomingMessage, response: ServerResponse, body: 'sent' | 'awaits leave'): void => {
    if (!connections.open(request.socket, response)) return;
    void new Exchange(request, response, services, body).run();
  };
  server.on('request', (request, response) => serve(request, response, 'sent'));
  server.on('checkContinue', (request, response) => serve(request, response, 'awaits leave'));
  await bind(server, listen);
  // After start there is nobody to tell; accept errors (too many open files) come back by themselves.
  server.on('error', (error) => logger.warn({ error }, 'HTTP listener'));
  let drained: Promise<void> | undefined;
  return {
    ...describe(server),
    drain(graceMs) {
      drained ??= drain(graceMs);
      return drained;
    },
  };

  async function drain(graceMs: number): Promise<void> {
    services.draining = true;
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    connections.destroyIdle();
    using _ = clock.after(graceMs, () => connections.destroyAll());
    await closed;
    wheel[Symbol.dispose]();
  }
}

function createEndpoints(options: HttpServerOptions, limits: HttpLimits, draining: () => boolean): Endpoints {
  const { infer, catalog, control, settings, around } = options;
  const endpoints: Endpoints = new Map([
    ...createHealthEndpoints(catalog, draining),
    ...createMetadataEndpoints(catalog, {
      name: options.serverName,
      version: options.serverVersion,
      extensions: options.extensions,
    }),
    ...createInferEndpoints({ infer, catalog, maxBodyBytes: limits.maxBodyBytes }),
    ...createStatisticsEndpoints(catalog),
    ...createRepositoryEndpoints(catalog, control),
    ...createSettingsEndpoints(settings, catalog),
    ...createSharedMemoryEndpoints(options.sharedMemory),
  ]);
  if (around === undefined) return endpoints;
  return new Map(Array.from(endpoints, ([path, endpoint]) => [path, around(`/v2/${path}`, endpoint)]));
}

function createDialectRoutes(
  { createDialects, around }: HttpServerOptions,
  limits: HttpLimits,
): DialectRoutes {
  const dialects = createDialects?.({ maxBodyBytes: limits.maxBodyBytes }) ?? [];
  if (around === undefined) return new DialectRoutes(dialects);
  return new DialectRoutes(
    dialects.map((dialect) => ({
      ...dialect,
      endpoints: new Map(Array.from(dialect.endpoints, ([route, at]) => [route, around(route, at)])),
    })),
  );
}

function createListener(tls: HttpTls | undefined, limits: HttpLimits): Server {
  const options: ServerOptions = {
    noDelay: true,
    headersTimeout: limits.headMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.min(slownessCheckMs, limits.headMs),
  };
  const server = tls === undefined ? createServer(options) : createTlsListener(tls, options);
  server.maxConnections = limits.maxConnections;
  return server;
}

function createTlsListener(tls: HttpTls, options: ServerOptions): Server {
  const server = createTlsServer({
    ...options,
    ...tls.context,
    requestCert: tls.mutual,
    rejectUnauthorized: tls.mutual,
  });
  tls.onReload((context) => server.setSecureContext(context));
  return server;
}

/** The server's connections and how many requests of each wait for their replies. */
class Connections {
  readonly #maxPipelined: number;
  readonly #waiting = new Map<Socket, number>();

  constructor(maxPipelined: number) {
    this.#maxPipelined = maxPipelined;
  }

  add(socket: Socket): void {
    this.#waiting.set(socket, 0);
    socket.once('close', () => this.#waiting.delete(socket));
  }

  /** False when the connection is ended instead, for sending more than it reads. */
  open(socket: Socket, response: ServerResponse): boolean {
    const waiting = (this.#waiting.get(socket) ?? 0) + 1;
    if (waiting > this.#maxPipelined) {
      socket.destroy();
      return false;
    }
    this.#waiting.set(socket, waiting);
    response.once('close', () => {
      const left = this.#waiting.get(socket);
      if (left !== undefined) this.#waiting.set(socket, left - 1);
    });
    return true;
  }

  destroyIdle(): void {
    for (const [socket, waiting] of this.#waiting) if (waiting === 0) socket.destroy();
  }

  destroyAll(): void {
    for (const socket of this.#waiting.keys()) socket.destroy();
  }
}

function bind(server: Server, where: HttpServerOptions['listen']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...where }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function describe(server: Server): { address: string; port: number } {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('bug: a listening server has no address');
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return { address: `${host}:${bound.port}`, port: bound.port };
}
