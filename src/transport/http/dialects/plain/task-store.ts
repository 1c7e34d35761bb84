import { randomUUID } from 'node:crypto';
import { ServingError } from '../../../../errors.ts';
import { CallContext } from '../../../../inference/call-context.ts';
import type { Principal } from '../../../../inference/principal.ts';
import type { Task, TaskOutcome } from '../../../../inference/task.ts';
import type { Clock } from '../../../../util/clock.ts';
import type { Tasks, TaskWork } from './tasks.ts';

export interface TaskLimits {
  /** Under way and finished together. */
  readonly maxTasks: number;
  /** Tensors of tasks under way and results of finished ones together. */
  readonly maxBytes: number;
  /** How long a result is kept, in milliseconds. */
  readonly keepMs: number;
}

export const defaultTaskLimits: TaskLimits = { maxTasks: 1000, maxBytes: 64 << 20, keepMs: 600_000 };

/** How soon room may be there again. */
const retryAfterMs = 1000;

interface Held {
  readonly id: string;
  readonly owner: string;
  readonly call: CallContext;
  readonly createdAt: number;
  outcome: TaskOutcome;
  finishedAt: number | undefined;
  /** In the clock's milliseconds. */
  dropAt: number;
  sizeBytes: number;
}

/**
 * Tasks in memory. What has expired is dropped when the store is used next, so that it needs no timer; until then it counts
 * for the limits.
 */
export class TaskStore implements Tasks {
  readonly #clock: Clock;
  readonly #limits: TaskLimits;
  readonly #tasks = new Map<string, Held>();
  /** In the order in which they expire. */
  readonly #finished = new Set<Held>();
  #heldBytes = 0;

  constructor(clock: Clock, limits: TaskLimits = defaultTaskLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Begins the work. @throws resource_exhausted when there is no room for it. */
  start(work: Omit<TaskWork, 'asked'>): Task {
    this.#dropExpired();
    const { maxTasks, maxBytes } = this.#limits;
    if (work.sizeBytes > maxBytes) throw tooLarge(maxBytes);
    if (this.#tasks.size >= maxTasks || this.#heldBytes + work.sizeBytes > maxBytes) throw full();
    const call = new CallContext(this.#clock.now(), work.deadline, work.principal, work.sizeBytes);
    call.front = work.front;
    const task: Held = {
      id: randomUUID(),
      owner: work.principal.name,
      call,
      createdAt: this.#clock.epochMs(),
      outcome: { state: 'pending' },
      finishedAt: undefined,
      dropAt: Infinity,
      sizeBytes: work.sizeBytes,
    };
    this.#tasks.set(task.id, task);
    this.#heldBytes += work.sizeBytes;
    void this.#run(task, work);
    return this.#show(task);
  }

  /** @throws not_found for tasks of others, too. */
  find(id: string, principal: Principal): Task {
    return this.#show(this.#find(id, principal));
  }

  /** Cancels a task that is under way, and drops one that is not. @throws not_found */
  cancel(id: string, principal: Principal): Task {
    const task = this.#find(id, principal);
    if (task.outcome.state === 'pending') {
      this.#finish(task, { state: 'cancelled' });
      task.call.cancel();
    } else this.#drop(task);
    return this.#show(task);
  }

  #find(id: string, principal: Principal): Held {
    this.#dropExpired();
    const task = this.#tasks.get(id);
    if (task !== undefined && task.owner === principal.name) return task;
    throw new ServingError('not_found', 'there is no such task, or it has expired', {
      reason: 'TASK_NOT_FOUND',
    });
  }

  async #run(task: Held, { run }: Pick<TaskWork, 'run'>): Promise<void> {
    try {
      const text = await run(task.call);
      this.#finish(
        task,
        this.#fits(task, text) ? { state: 'succeeded', text } : failed(tooLarge(this.#limits.maxBytes)),
      );
    } catch (error) {
      this.#finish(task, failed(ServingError.from(error)));
    }
    task.call.finish();
  }

  /** Whether there is room for the result in place of what the task held so far. */
  #fits({ sizeBytes }: Held, text: string): boolean {
    return this.#heldBytes - sizeBytes + Buffer.byteLength(text) <= this.#limits.maxBytes;
  }

  #finish(task: Held, outcome: TaskOutcome): void {
    if (task.outcome.state !== 'pending') return;
    task.outcome = outcome;
    task.finishedAt = this.#clock.epochMs();
    task.dropAt = this.#clock.now() + this.#limits.keepMs;
    this.#heldBytes -= task.sizeBytes;
    task.sizeBytes = outcome.state === 'succeeded' ? Buffer.byteLength(outcome.text) : 0;
    this.#heldBytes += task.sizeBytes;
    this.#finished.add(task);
  }

  #dropExpired(): void {
    const now = this.#clock.now();
    for (const task of this.#finished) {
      if (task.dropAt > now) return;
      this.#drop(task);
    }
  }

  #drop(task: Held): void {
    if (!this.#tasks.delete(task.id)) return;
    this.#finished.delete(task);
    this.#heldBytes -= task.sizeBytes;
  }

  #show({ id, createdAt, finishedAt, outcome }: Held): Task {
    const expiresAt = finishedAt === undefined ? undefined : finishedAt + this.#limits.keepMs;
    return { id, createdAt, finishedAt, expiresAt, outcome };
  }
}

function failed(error: ServingError): TaskOutcome {
  return { state: 'failed', error };
}

function full(): ServingError {
  return new ServingError('resource_exhausted', 'the server keeps as many tasks as it can', {
    reason: 'TASKS_FULL',
    retryAfterMs,
  });
}

function tooLarge(limitBytes: number): ServingError {
  return new ServingError(
    'resource_exhausted',
    `a task or its result does not fit into the ${limitBytes} bytes that all tasks may take`,
    {
      reason: 'TASK_TOO_LARGE',
    },
  );
}
