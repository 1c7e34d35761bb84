import type { SecureContextOptions } from 'node:tls';
import type { ReportMetric } from '../../inference/arm-metrics.ts';
import type { Authenticate } from '../../inference/authenticate.ts';
import type { ModelCatalog, ModelControl } from '../../inference/catalog.ts';
import type { Infer } from '../../inference/infer.ts';
import type { ModelQuality } from '../../inference/monitoring.ts';
import type { ServerSettings } from '../../inference/server-settings.ts';
import type { SharedMemory } from '../../inference/shared-memory.ts';
import type { Clock } from '../../util/clock.ts';
import type { Dialect } from './dialect.ts';
import type { Endpoint } from './http-call.ts';

/** Bounds on what clients may cost. Durations in milliseconds. */
export interface HttpLimits {
  /** One body, also after decompression, and what its tensors become when they are read out of JSON. */
  readonly maxBodyBytes: number;
  /** All bodies of all connections together. */
  readonly maxHeldBytes: number;
  /** The head of one request: as it is written over HTTP/1.1, as RFC 9113 counts it over HTTP/2. */
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
  /** Requests that a client may send on one connection before the first is answered. More end the connection. */
  readonly maxPipelined: number;
  /** The head of a request must be complete in this time. */
  readonly headMs: number;
  /** A request must be complete in this time. */
  readonly requestMs: number;
  /** Longer than the usual 60 s of load balancers, so that they, and not this server, end idle connections. */
  readonly idleMs: number;
  /** A client that takes nothing of its reply for so long is cut off. */
  readonly stallMs: number;
}

export const defaultHttpLimits: HttpLimits = {
  maxBodyBytes: 64 << 20,
  maxHeldBytes: 1 << 30,
  maxHeaderBytes: 16_384,
  maxConnections: 10_000,
  maxPipelined: 64,
  headMs: 10_000,
  requestMs: 120_000,
  idleMs: 75_000,
  stallMs: 60_000,
};

/** Certificates, kept up to date by whoever gives them. */
export interface HttpTls {
  readonly context: SecureContextOptions;
  /** Whether clients must show a certificate. */
  readonly mutual: boolean;
  /** Calls `listener` with each later set of contents. */
  onReload(listener: (context: SecureContextOptions) => void): void;
}

export interface HttpServerOptions {
  readonly infer: Infer;
  readonly catalog: ModelCatalog;
  /** undefined refuses loading and unloading. */
  readonly control: ModelControl | undefined;
  readonly settings: ServerSettings;
  /** undefined where models are not monitored; left out likewise. */
  readonly quality?: ModelQuality | undefined;
  /** Tells rollouts what answers were worth; left out where there are none. */
  readonly reportMetric?: ReportMetric | undefined;
  /** undefined refuses the shared-memory endpoints. */
  readonly sharedMemory: SharedMemory | undefined;
  readonly authenticate: Authenticate;
  readonly clock: Clock;
  readonly serverName: string;
  readonly serverVersion: string;
  /** Names of the protocol's extensions that this server speaks. */
  readonly extensions: readonly string[];
  /** REST forms of other servers beside the protocol's own. `maxBodyBytes` also bounds tensors that come as JSON. */
  readonly createDialects?: (limits: Pick<HttpLimits, 'maxBodyBytes'>) => readonly Dialect[];
  /** Goes around each endpoint, by its path with `{model}` and the like for names. */
  readonly around?: (route: string, endpoint: Endpoint) => Endpoint;
  /** Origins of web pages that may call; `*` for all. */
  readonly corsOrigins: readonly string[];
  /** Bounds other than the defaults. */
  readonly limits?: Partial<HttpLimits>;
  /** Told whose connection of HTTP/1.1 was ended, and what it had exceeded. */
  readonly onLimit?: (peer: string, limit: string) => void;
}

/** A running listener. */
export interface HttpServer {
  /** Bound address, with the port that the system chose for 0. */
  readonly address: string;
  readonly port: number;
  /** Refuses new requests, lets running ones finish, and cuts off what is open after `graceMs`. Idempotent. */
  drain(graceMs: number): Promise<void>;
}
