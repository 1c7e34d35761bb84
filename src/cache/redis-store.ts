import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';
import type { Logger } from '../inference/logger.ts';
import type { ByteStore } from './byte-store.ts';

/** Where Redis is, and as whom to go there. */
export interface RedisPlan {
  /** host:port of the server, of its Sentinels, or of some nodes of the cluster. */
  readonly nodes: readonly string[];
  readonly mode: 'single' | 'sentinel' | 'cluster';
  /** Of the master, as Sentinels call it. */
  readonly sentinelName: string;
  readonly username?: string | undefined;
  /** Its first line is the password. */
  readonly passwordFile?: string | undefined;
  readonly tls: boolean;
  /** PEM certificates that the server's must chain to. */
  readonly tlsCa?: string | undefined;
}

const connectTimeoutMs = 2000;

/** A connection on which nothing comes for so long although something was asked is given up. */
const silentMs = 2000;

/** ioredis waits for so long for the end of a connection that it leaves, also of one that has ended: nothing else may be left to wait for. */
const partingMs = 100;

const longestRetryMs = 5000;
const defaultPort = 6379;

/**
 * Redis, through the optional package ioredis, which is loaded and connects in the background: there is no need to wait for
 * it, and nothing fails because of it.
 *
 * @throws when a file that the plan names cannot be read.
 */
export function openRedis(plan: RedisPlan, logger: Logger): ByteStore {
  const common = commonOptions(plan);
  let client: Redis | Cluster | undefined;
  let closed = false;
  let tellReady = (): void => undefined;
  const connect = async (): Promise<void> => {
    const { Cluster, Redis } = await import('ioredis');
    if (closed) return;
    client = clientOf(plan, common, { Cluster, Redis });
    sayWhatIsWrong(client, logger);
    client.on('ready', () => tellReady());
  };
  connect().catch((error: unknown) => {
    logger.error({ error }, 'the shared cache needs the package ioredis: npm install ioredis@6.0.0');
  });
  const connected = (): Redis | Cluster => {
    if (client === undefined) throw new Error('bug: asked before it was ready');
    return client;
  };
  return {
    get ready() {
      return client?.status === 'ready';
    },
    get: async (name) => connected().getBuffer(name),
    set: async (name, value, ttlMs) => connected().set(name, value, 'PX', ttlMs),
    ping: async () => connected().ping(),
    scores: async (name, most) => scoresOf(await connected().zrange(name, 0, `${most - 1}`, 'WITHSCORES')),
    raise: async (name, word, score) => {
      await connected().zadd(name, 'GT', score, word);
      return true;
    },
    async count(name, counts, { most, ttlMs }) {
      const redis = connected();
      const added = Array.from(counts, ([word, count]) => redis.zincrby(name, count, word));
      await Promise.all([...added, redis.zremrangebyrank(name, 0, -1 - most), redis.pexpire(name, ttlMs)]);
    },
    highest: async (name, most) => connected().zrange(name, 0, `${most - 1}`, 'REV'),
    onReady(listener) {
      tellReady = listener;
      if (client?.status === 'ready') listener();
    },
    [Symbol.dispose]() {
      closed = true;
      client?.disconnect();
    },
  };
}

/** A connection for other needs than answers, made in the background: commands fail until it is there. The caller ends it. */
export async function connectRedis(
  plan: RedisPlan,
  onError: (problem: string) => void,
): Promise<Redis | Cluster> {
  const clients = await import('ioredis');
  const client = clientOf(plan, commonOptions(plan), clients);
  client.on('error', (error: Error) => onError(error.message));
  return client;
}

/** Once, until it has worked again. Without a listener a failure would end the process. */
function sayWhatIsWrong(client: Redis | Cluster, logger: Logger): void {
  let said = false;
  client.on('error', (error: Error & { readonly lastNodeError?: Error }) => {
    if (said) return;
    said = true;
    // No more than its text: what failed may be the command that holds the password.
    const problem = error.lastNodeError?.message ?? error.message;
    logger.warn({ problem }, 'the shared cache cannot be reached; requests go on without it');
  });
  client.on('ready', () => {
    said = false;
  });
}

/** @param answer words and their numbers in turn. */
function scoresOf(answer: readonly string[]): ReadonlyMap<string, number> {
  const scores = new Map<string, number>();
  for (let index = 0; index + 1 < answer.length; index += 2) {
    scores.set(answer[index] ?? '', Number(answer[index + 1]));
  }
  return scores;
}

type CommonOptions = ReturnType<typeof commonOptions>;

function commonOptions({ username, passwordFile, tls, tlsCa }: RedisPlan) {
  return {
    enableAutoPipelining: true,
    // What cannot be asked at once is not worth waiting for, nor asking twice.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: partingMs,
    socketTimeout: silentMs,
    retryStrategy: retryMs,
    ...(username === undefined ? {} : { username }),
    ...(passwordFile === undefined ? {} : { password: firstLine(passwordFile) }),
    ...(tls ? { tls: tlsCa === undefined ? {} : { ca: readFileSync(tlsCa) } } : {}),
  };
}

interface Clients {
  readonly Redis: typeof Redis;
  readonly Cluster: typeof Cluster;
}

function clientOf(
  { nodes, mode, sentinelName }: RedisPlan,
  common: CommonOptions,
  clients: Clients,
): Redis | Cluster {
  const places = nodes.map(placeOf);
  if (mode === 'cluster') {
    const { enableOfflineQueue: _none, retryStrategy: _other, ...redisOptions } = common;
    return new clients.Cluster(places, {
      redisOptions,
      enableAutoPipelining: true,
      enableOfflineQueue: false,
      clusterRetryStrategy: retryMs,
    });
  }
  if (mode === 'sentinel') {
    return new clients.Redis({
      ...common,
      sentinels: places,
      name: sentinelName,
      sentinelRetryStrategy: retryMs,
    });
  }
  return new clients.Redis({ ...common, ...places[0] });
}

function retryMs(times: number): number {
  return Math.min(longestRetryMs, 50 * 2 ** Math.min(times, 10));
}

function placeOf(node: string): { readonly host: string; readonly port: number } {
  const colon = node.lastIndexOf(':');
  if (colon < 0) return { host: node, port: defaultPort };
  return { host: node.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(node.slice(colon + 1)) };
}

function firstLine(file: string): string {
  return readFileSync(file, 'utf8').split(/\r?\n/, 1).join();
}
