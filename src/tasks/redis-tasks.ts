import { randomUUID } from 'node:crypto';
import { ServingError } from '../errors.ts';
import type { SharedTasks, SharedWork, Task } from '../inference/task.ts';
import type { RedisClient } from '../redis/load-redis.ts';
import type { Clock } from '../util/clock.ts';
import { noTask, tasksFull, tasksUnreachable, taskTooLarge } from './refusals.ts';
import { cancelScript, startScript } from './scripts.ts';
import type { TaskKeys } from './task-keys.ts';
import { taskOf } from './task-record.ts';
import type { TaskWorker } from './task-worker.ts';

export interface SharedTaskLimits {
  /** Of all servers together, under way and finished. */
  readonly maxTasks: number;
  /** Payloads of tasks under way and results of finished ones, of all servers together. */
  readonly maxBytes: number;
  /** How long a result is kept, in milliseconds. */
  readonly keepMs: number;
  /** A task that no server has finished by then is gone. */
  readonly pendingMs: number;
}

export const sharedTaskLimits: SharedTaskLimits = {
  maxTasks: 10_000,
  maxBytes: 256 << 20,
  keepMs: 600_000,
  pendingMs: 86_400_000,
};

export interface RedisTasksOptions {
  /** Owned from here on. */
  readonly client: RedisClient;
  readonly worker: TaskWorker;
  readonly keys: TaskKeys;
  readonly limits: SharedTaskLimits;
  readonly clock: Clock;
}

/** Tasks in Redis: any server tells of all of them, and does those that it comes to. */
export class RedisTasks implements SharedTasks {
  readonly #options: RedisTasksOptions;

  constructor(options: RedisTasksOptions) {
    this.#options = options;
  }

  async start({ owner, weight, deadlineAt, payload }: SharedWork): Promise<Task> {
    const { client, keys, limits, clock } = this.#options;
    if (payload.byteLength > limits.maxBytes) throw taskTooLarge(limits.maxBytes);
    const id = randomUUID();
    const createdAt = clock.epochMs();
    const values = [
      id,
      createdAt,
      limits.pendingMs,
      limits.maxTasks,
      limits.maxBytes,
      payload.byteLength,
      owner,
      weight,
      deadlineAt,
      Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
    ];
    const started = await reached(client.eval(startScript, 5, ...keys.all(id), ...values));
    if (started !== 1) throw tasksFull();
    return { id, createdAt, finishedAt: undefined, expiresAt: undefined, outcome: { state: 'pending' } };
  }

  async find(id: string, owner: string): Promise<Task> {
    const { client, keys } = this.#options;
    if (!isId(id)) throw noTask();
    // The payload is large and nobody asks for it.
    const names = ['owner', 'state', 'created', 'finished', 'expires', 'result', 'code', 'reason', 'message'];
    const values = await reached(client.hmget(keys.task(id), ...names));
    const fields = new Map<string, string>();
    for (const [at, name] of names.entries()) {
      const value = values[at];
      if (typeof value === 'string') fields.set(name, value);
    }
    return shown(id, owner, fields);
  }

  async cancel(id: string, owner: string): Promise<Task> {
    const { client, keys, limits, clock, worker } = this.#options;
    if (!isId(id)) throw noTask();
    const values = [id, clock.epochMs(), limits.keepMs, owner];
    const told = await reached(client.eval(cancelScript, 5, ...keys.all(id), ...values));
    worker.cancel(id);
    return shown(id, owner, fieldsOf(told));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#options.worker[Symbol.asyncDispose]();
    this.#options.client.disconnect();
  }
}

/** Names in Redis are made of it. */
function isId(text: string): boolean {
  return /^[0-9a-f-]{36}$/.test(text);
}

function shown(id: string, owner: string, fields: ReadonlyMap<string, string>): Task {
  const task = taskOf(id, fields);
  if (task === undefined || fields.get('owner') !== owner) throw noTask();
  return task;
}

/** Names and values in turn. */
function fieldsOf(told: unknown): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  if (!Array.isArray(told)) return fields;
  for (let at = 0; at + 1 < told.length; at += 2) fields.set(String(told[at]), String(told[at + 1]));
  return fields;
}

async function reached<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ServingError) throw error;
    throw tasksUnreachable(error);
  }
}
