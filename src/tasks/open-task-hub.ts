import type { Logger } from '../inference/logger.ts';
import type { JoinSharedTasks, SharedTasks } from '../inference/task.ts';
import { loadRedis, type RedisClient } from '../redis/load-redis.ts';
import { placeOfUrl, type RedisUrl } from '../redis/redis-place.ts';
import { redisSettings } from '../redis/redis-settings.ts';
import type { Clock } from '../util/clock.ts';
import { RedisTasks, sharedTaskLimits, type SharedTaskLimits } from './redis-tasks.ts';
import { TaskKeys } from './task-keys.ts';
import { TaskWorker, workerPace, type WorkerPace } from './task-worker.ts';

export interface TaskHubOptions extends RedisUrl {
  /** What names in Redis begin with. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: SharedTaskLimits;
  readonly pace?: WorkerPace;
}

/** Where servers meet to share tasks. Disposing it leaves what is under way to the others. */
export interface TaskHub extends AsyncDisposable {
  readonly join: JoinSharedTasks;
}

/** Longer than any wait for entries of the queue, which is the longest command. */
const silentMs = 10_000;

/** @throws ServingError failed_precondition for a URL that is none, a password that cannot be read, or without the package. */
export async function openTaskHub(options: TaskHubOptions): Promise<TaskHub> {
  const { prefix, clock, logger, limits = sharedTaskLimits, pace = workerPace } = options;
  const joined: SharedTasks[] = [];
  const keys = new TaskKeys(prefix);
  const settings = redisSettings(placeOfUrl(options), { silentMs });
  const createRedis = await loadRedis('--task-redis');
  const connect = (): RedisClient =>
    createRedis(settings, (problem) =>
      logger.warn({ problem }, 'the Redis of tasks cannot be reached; it is tried again'),
    );
  return {
    join({ run, ready }) {
      const client = connect();
      const waiting = connect();
      const worker = new TaskWorker({ client, waiting, keys, limits, run, ready, pace, clock, logger });
      const tasks = new RedisTasks({ client, worker, keys, limits, clock });
      joined.push(tasks);
      return tasks;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(joined.map((tasks) => tasks[Symbol.asyncDispose]()));
    },
  };
}
