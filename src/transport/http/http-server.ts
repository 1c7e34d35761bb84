import type { Socket } from 'node:net';
import type { ModelCatalog } from '../../inference/catalog.ts';
import { polled } from '../../util/polled.ts';
import { TimerWheel } from '../../util/timer-wheel.ts';
import { BodyBudget } from './body-budget.ts';
import { CrossOrigin } from './cross-origin.ts';
import { DialectRoutes, type Dialect } from './dialect.ts';
import type { Endpoints } from './endpoint-table.ts';
import { Exchange, type ExchangeServices } from './exchange.ts';
import { createH2Acceptor, type H2Acceptor } from './h2-acceptor.ts';
import { Http1Connections } from './http1-connections.ts';
import { defaultHttpLimits, type HttpLimits, type HttpServerOptions } from './http-server-options.ts';
import { createInferEndpoints } from './infer.ts';
import { LargeJson } from './large-json/large-json.ts';
import { createHealthEndpoints, createMetadataEndpoints } from './metadata.ts';
import type { PeerRequest, PeerResponse } from './peer.ts';
import { createQualityEndpoints } from './quality.ts';
import { createRepositoryEndpoints } from './repository.ts';
import { createSettingsEndpoints } from './settings.ts';
import { createSharedMemoryEndpoints } from './shared-memory.ts';
import { createStatisticsEndpoints } from './statistics.ts';

/** Deadlines are kept this precisely. */
const deadlineTickMs = 2;

/** A front without ports: whoever has one hands it connections of HTTP/1.1 and requests of HTTP/2. */
export interface HttpFront {
  /** Takes a connection that speaks HTTP/1.1. `first` is what was read of it, paused then; or empty. */
  readonly take: (socket: Socket, first: Buffer) => void;
  /** Takes the header section of a request over HTTP/2; the result opens the streams that begin with it. */
  readonly readRequest: H2Acceptor;
  /**
   * Refuses new requests, and lets running ones finish. Resolves when the connections of HTTP/1.1 are gone; they are cut
   * off after `graceMs`. Idempotent.
   */
  drain(graceMs: number): Promise<void>;
  /** After the connections of HTTP/2 are gone as well. */
  [Symbol.dispose](): void;
}

/**
 * How long idle connections of HTTP/1.1 stay open when draining begins. A request may be on its way on any of them: it gets a 503 and
 * the end of the connection announced, where closing at once would leave its sender to guess whether it was run.
 */
const lingerMs = 100;

/** The protocol's REST form, and what else is spoken over HTTP. */
export function createHttpServer(options: HttpServerOptions): HttpFront {
  const limits = { ...defaultHttpLimits, ...options.limits };
  return createFront(options, {
    limits,
    dialects: createDialectRoutes(options, limits),
    endpoints: (draining) => createEndpoints(options, limits, draining),
    catalog: options.catalog,
  });
}

/** Nothing but the paths of one form. */
export function createDialectServer(options: FrontTools, dialect: Omit<Dialect, 'describe'>): HttpFront {
  return createFront(options, {
    limits: { ...defaultHttpLimits, ...options.limits },
    dialects: new DialectRoutes([dialect]),
    endpoints: () => new Map(),
    catalog: undefined,
  });
}

export type FrontTools = Pick<
  HttpServerOptions,
  'authenticate' | 'corsOrigins' | 'clock' | 'limits' | 'onLimit'
>;

interface FrontParts {
  readonly limits: HttpLimits;
  readonly dialects: DialectRoutes;
  readonly endpoints: (draining: () => boolean) => Endpoints;
  /** Of the models that large bodies are read for. */
  readonly catalog: ModelCatalog | undefined;
}

function createFront(options: FrontTools, { limits, dialects, endpoints, catalog }: FrontParts): HttpFront {
  const { clock } = options;
  const wheel = new TimerWheel(clock, deadlineTickMs);
  const largeJson = catalog && new LargeJson(catalog, clock);
  const services: ExchangeServices = {
    endpoints: endpoints(() => services.draining),
    dialects,
    authenticate: options.authenticate,
    crossOrigin: new CrossOrigin(options.corsOrigins),
    wheel,
    clock,
    budget: new BodyBudget(limits.maxHeldBytes),
    limits,
    largeJson,
    draining: false,
    closed: false,
  };
  const connections = new Http1Connections(
    limits,
    (request, response, body) => void new Exchange(request, response, services, body).run(),
    ({ remoteAddress = 'unix', remotePort }, limit) =>
      options.onLimit?.(remotePort === undefined ? remoteAddress : `${remoteAddress}:${remotePort}`, limit),
  );
  let drained: Promise<void> | undefined;
  return {
    take: (socket, first) => connections.take(socket, first),
    readRequest: createH2Acceptor((request, response) => serveH2(request, response, services)),
    drain(graceMs) {
      drained ??= drain(graceMs);
      return drained;
    },
    [Symbol.dispose]() {
      largeJson?.[Symbol.dispose]();
      wheel[Symbol.dispose]();
    },
  };

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => void clock.after(ms, resolve));
  }

  async function drain(graceMs: number): Promise<void> {
    services.draining = true;
    using _ = clock.after(graceMs, () => connections.destroyAll());
    // The ports close within the first.
    await polled();
    await polled();
    services.closed = true;
    if (connections.open > 0) {
      await pause(Math.min(lingerMs, graceMs));
      await polled();
    }
    await connections.drain();
  }
}

function serveH2(request: PeerRequest, response: PeerResponse, services: ExchangeServices): Promise<void> {
  const body = request.headers.expect?.toLowerCase() === '100-continue' ? 'awaits leave' : 'sent';
  return new Exchange(request, response, services, body).run();
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
    ...createQualityEndpoints(options, catalog),
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
