import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { ServingError } from '../errors.ts';
import type { Logger } from '../inference/logger.ts';

export interface TaskRedisPlan {
  /** redis:// or rediss:// with host, port and perhaps user and database. */
  readonly url: string;
  /** Its first line is the password. */
  readonly passwordFile?: string | undefined;
}

const connectTimeoutMs = 2000;
const longestRetryMs = 2000;

/** Longer than any wait for entries of the queue, which is the longest command. */
const silentMs = 10_000;

/** A client that connects in the background, again and again. @throws ServingError failed_precondition for a password that cannot be read. */
export function connectTasks({ url, passwordFile }: TaskRedisPlan, logger: Logger): Redis {
  const client = new Redis(url, {
    // What cannot be asked at once is told to whoever asks.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: connectTimeoutMs,
    socketTimeout: silentMs,
    retryStrategy: (times) => Math.min(longestRetryMs, 50 * 2 ** Math.min(times, 10)),
    ...(passwordFile === undefined ? {} : { password: firstLine(passwordFile) }),
  });
  let said = false;
  client.on('error', (error: Error) => {
    if (said) return;
    said = true;
    logger.warn({ problem: error.message }, 'the Redis of tasks cannot be reached; it is tried again');
  });
  client.on('ready', () => {
    said = false;
  });
  return client;
}

function firstLine(path: string): string {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/, 1).join();
  } catch (cause) {
    throw new ServingError('failed_precondition', `cannot read the password for Redis, ${path}`, { cause });
  }
}
