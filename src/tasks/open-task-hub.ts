import type { Logger } from '../inference/logger.ts';
import type { JoinSharedTasks, SharedTasks } from '../inference/task.ts';
import type { Clock } from '../util/clock.ts';
import { connectTasks, type TaskRedisPlan } from './redis-client.ts';
import { RedisTasks, sharedTaskLimits, type SharedTaskLimits } from './redis-tasks.ts';
import { TaskKeys } from './task-keys.ts';
import { TaskWorker, workerPace, type WorkerPace } from './task-worker.ts';

export interface TaskHubOptions extends TaskRedisPlan {
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

/** @throws ServingError failed_precondition for a password that cannot be read. */
export function openTaskHub(options: TaskHubOptions): TaskHub {
  const { prefix, clock, logger, limits = sharedTaskLimits, pace = workerPace } = options;
  const joined: SharedTasks[] = [];
  const keys = new TaskKeys(prefix);
  return {
    join({ run, ready }) {
      const client = connectTasks(options, logger);
      const waiting = connectTasks(options, logger);
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
