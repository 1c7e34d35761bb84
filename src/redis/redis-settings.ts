import { readFileSync } from 'node:fs';
import { ServingError } from '../errors.ts';
import type { RedisPlace } from './redis-place.ts';

/** How a connection is to behave. */
export interface RedisUse {
  /** A connection on which nothing comes for so long although something was asked is given up. */
  readonly silentMs: number;
  /** Whether commands of one turn cross as one. */
  readonly pipelined?: boolean;
  /** Whether commands wait for the connection. Otherwise they fail until it is there. */
  readonly waiting?: boolean;
}

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** What a client is made with. */
export type RedisSettings =
  | { readonly kind: 'server'; readonly options: ReturnType<typeof serverOptions | typeof sentinelOptions> }
  | {
      readonly kind: 'cluster';
      readonly nodes: RedisNode[];
      readonly options: ReturnType<typeof clusterOptions>;
    };

const connectTimeoutMs = 2000;

/** ioredis waits for so long for the end of a connection that it leaves, also of one that has ended: nothing else may be left to wait for. */
const partingMs = 100;

/** Whoever waits for a Redis that is back waits no longer than this. */
const longestRetryMs = 2000;
const defaultPort = 6379;

/** @throws ServingError failed_precondition for a file that cannot be read. */
export function redisSettings(place: RedisPlace, use: RedisUse): RedisSettings {
  const nodes = place.nodes.map(nodeOf);
  const common = commonOptions(place, use);
  if (place.mode === 'cluster') return { kind: 'cluster', nodes, options: clusterOptions(common) };
  const options =
    place.mode === 'single'
      ? serverOptions(common, nodes)
      : sentinelOptions(common, nodes, place.sentinelName);
  return { kind: 'server', options };
}

function commonOptions(place: RedisPlace, { silentMs, pipelined = false, waiting = false }: RedisUse) {
  return {
    ...accessOf(place),
    enableAutoPipelining: pipelined,
    // What cannot be asked at once is told to whoever asks, and not asked twice.
    enableOfflineQueue: waiting,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: partingMs,
    socketTimeout: silentMs,
  };
}

type CommonOptions = ReturnType<typeof commonOptions>;

function serverOptions(common: CommonOptions, [node]: readonly RedisNode[]) {
  return { ...common, ...node, retryStrategy: retryMs };
}

function sentinelOptions(common: CommonOptions, sentinels: RedisNode[], name: string) {
  const { tls } = common;
  // ioredis takes neither for granted, and would send the password in the clear.
  const guarded = tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls };
  return { ...common, ...guarded, sentinels, name, retryStrategy: retryMs, sentinelRetryStrategy: retryMs };
}

function clusterOptions({ enableOfflineQueue, ...redisOptions }: CommonOptions) {
  const { enableAutoPipelining } = redisOptions;
  return { redisOptions, enableAutoPipelining, enableOfflineQueue, clusterRetryStrategy: retryMs };
}

function accessOf({ username, password, passwordFile, database, tls, tlsCa }: RedisPlace) {
  const secret = passwordFile === undefined ? password : readText(passwordFile).split(/\r?\n/, 1).join();
  return {
    ...(username === undefined ? {} : { username }),
    ...(secret === undefined ? {} : { password: secret }),
    ...(database === undefined ? {} : { db: database }),
    ...(tls ? { tls: tlsCa === undefined ? {} : { ca: readText(tlsCa) } } : {}),
  };
}

function retryMs(times: number): number {
  return Math.min(longestRetryMs, 50 * 2 ** Math.min(times, 10));
}

function nodeOf(text: string): RedisNode {
  const [, host = text, port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? defaultPort : Number(port) };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ServingError('failed_precondition', `cannot read ${path}, which is needed for Redis`, {
      cause,
    });
  }
}
