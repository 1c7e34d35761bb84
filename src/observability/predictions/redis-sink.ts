import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { ServingError } from '../../errors.ts';
import type { Clock } from '../../util/clock.ts';
import type { RedisPlan } from './plan.ts';
import type { PredictionSink } from './sink.ts';

const connectTimeoutMs = 2000;

/** ioredis waits for so long for the end of a connection that it leaves, also of one that has ended: nothing else may be left to wait for. */
const partingMs = 100;
const commandTimeoutMs = 5000;
const longestRetryMs = 5000;

/** One at a time is a round trip each; all at once would hold Redis up. */
const recordsPerRound = 500;

/** The one field of an entry. */
export const recordField = 'record';

/**
 * A client through the optional package ioredis, which connects in the background.
 *
 * @param offline whether commands wait for the connection, or fail until it is there.
 * @throws ServingError failed_precondition when the package is not installed or the password cannot be read.
 */
export async function openRedis({ url, passwordFile }: RedisPlan, offline: 'wait' | 'fail'): Promise<Redis> {
  const { Redis: Client } = await import('ioredis').catch((cause: unknown) => {
    const problem = 'redis of the prediction log needs the package ioredis: npm install ioredis@6.0.0';
    throw new ServingError('failed_precondition', problem, { cause });
  });
  const password = passwordFile === undefined ? undefined : firstLine(passwordFile);
  const client = new Client(url, {
    // What is not written stays in the queue, which is tried again.
    enableOfflineQueue: offline === 'wait',
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: partingMs,
    commandTimeout: commandTimeoutMs,
    retryStrategy: (times) => Math.min(longestRetryMs, 50 * 2 ** Math.min(times, 10)),
    ...(password === undefined ? {} : { password }),
  });
  // Every failure is also one of a command; without a listener it would end the process.
  client.on('error', () => undefined);
  return client;
}

function firstLine(path: string): string {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/, 1).join();
  } catch (cause) {
    throw new ServingError('failed_precondition', `cannot read the password for Redis, ${path}`, { cause });
  }
}

/** A Redis Stream with an entry for each record. At least once: a write whose end is not heard of is tried again. */
export async function openRedisSink(plan: RedisPlan, clock: Pick<Clock, 'epochMs'>): Promise<PredictionSink> {
  const { stream, maxEntries } = plan;
  const client = await openRedis(plan, 'fail');
  return {
    name: 'redis',
    async write(records) {
      for (let from = 0; from < records.length; from += recordsPerRound) {
        const round = client.pipeline();
        for (const { line } of records.slice(from, from + recordsPerRound)) {
          round.xadd(stream, 'MAXLEN', '~', maxEntries, '*', recordField, line);
        }
        const results = (await round.exec()) ?? [];
        for (const [error] of results) if (error !== null) throw error;
      }
    },
    async prune() {
      if (client.status === 'ready') await trim(client, plan, clock.epochMs());
    },
    close: () => Promise.resolve(client.disconnect()),
  };
}

/** Removes what is too old. @returns how many entries. */
export async function trim(
  client: Redis,
  { stream, retentionMs }: RedisPlan,
  epochMs: number,
): Promise<number> {
  return client.xtrim(stream, 'MINID', Math.max(0, Math.floor(epochMs - retentionMs)));
}
