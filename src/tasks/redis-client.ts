import { readFileSync } from 'node:fs';
import { Cluster, Redis } from 'ioredis';
import { ServingError } from '../errors.ts';
import type { Logger } from '../inference/logger.ts';

export interface TaskRedisPlan {
  /** redis:// or rediss:// with host, port and perhaps user and database; several hosts with commas between them. */
  readonly url: string;
  /** What the hosts are; one server unless said otherwise. */
  readonly mode?: 'single' | 'sentinel' | 'cluster';
  /** Of the master, as Sentinels call it. */
  readonly sentinelName?: string;
  /** Its first line is the password. */
  readonly passwordFile?: string | undefined;
}

export type TaskClient = Redis | Cluster;

const connectTimeoutMs = 2000;

/** ioredis waits for so long for the end of a connection that it leaves, also of one that has ended: nothing else may be left to wait for. */
const partingMs = 100;
const longestRetryMs = 2000;
const defaultPort = 6379;

/** Longer than any wait for entries of the queue, which is the longest command. */
const silentMs = 10_000;

/**
 * A client that connects in the background, again and again.
 *
 * @throws ServingError failed_precondition for a password that cannot be read, or a URL that is none for several hosts.
 */
export function connectTasks(plan: TaskRedisPlan, logger: Logger): TaskClient {
  const client = clientOf(plan);
  let said = false;
  client.on('error', (error: Error & { readonly lastNodeError?: Error }) => {
    if (said) return;
    said = true;
    const problem = error.lastNodeError?.message ?? error.message;
    logger.warn({ problem }, 'the Redis of tasks cannot be reached; it is tried again');
  });
  client.on('ready', () => {
    said = false;
  });
  return client;
}

function clientOf({ url, mode = 'single', sentinelName = '', passwordFile }: TaskRedisPlan): TaskClient {
  const common = {
    // What cannot be asked at once is told to whoever asks.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: partingMs,
    socketTimeout: silentMs,
    ...(passwordFile === undefined ? {} : { password: firstLine(passwordFile) }),
  };
  if (mode === 'single') return new Redis(url, { ...common, retryStrategy: retryMs });
  const { nodes, ...whose } = placesOf(url);
  if (mode === 'sentinel') {
    return new Redis({
      ...whose,
      ...common,
      sentinels: nodes,
      name: sentinelName,
      retryStrategy: retryMs,
      sentinelRetryStrategy: retryMs,
    });
  }
  const { enableOfflineQueue, ...redisOptions } = common;
  return new Cluster(nodes, {
    redisOptions: { ...whose, ...redisOptions },
    enableOfflineQueue,
    clusterRetryStrategy: retryMs,
  });
}

function retryMs(times: number): number {
  return Math.min(longestRetryMs, 50 * 2 ** Math.min(times, 10));
}

/** Scheme, user and password, hosts, database. */
const severalHosts = /^(rediss?):\/\/(?:([^@/]*)@)?([^@/?]+)(?:\/(\d*))?$/;

function placesOf(url: string) {
  const [, scheme, user = '', hosts, database = ''] = severalHosts.exec(url) ?? [];
  if (hosts === undefined) {
    throw new ServingError(
      'failed_precondition',
      'the URL of the Redis of tasks is not scheme://user@host:port,host:port/database',
    );
  }
  const [username = '', password = ''] = user.split(':', 2).map(decodeURIComponent);
  return {
    nodes: hosts.split(',').map(placeOf),
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    ...(database === '' ? {} : { db: Number(database) }),
    ...(scheme === 'rediss' ? { tls: {} } : {}),
  };
}

function placeOf(text: string): { readonly host: string; readonly port: number } {
  const [, host = text, port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? defaultPort : Number(port) };
}

function firstLine(path: string): string {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/, 1).join();
  } catch (cause) {
    throw new ServingError('failed_precondition', `cannot read the password for Redis, ${path}`, { cause });
  }
}
