import type { CallContext } from '../../../../inference/call-context.ts';
import type { Principal } from '../../../../inference/principal.ts';
import type { Task } from '../../../../inference/task.ts';
import type { TaskPayload } from './task-payload.ts';

export interface TaskWork {
  readonly principal: Principal;
  /** In the clock's milliseconds; Infinity without one. */
  readonly deadline: number;
  readonly front: CallContext['front'];
  /** What it holds until it has finished. */
  readonly sizeBytes: number;
  /** What was asked, for whoever cannot call `run`. */
  readonly asked: TaskPayload;
  /** Resolves with the result as JSON. */
  readonly run: (call: CallContext) => Promise<string>;
}

/** Predictions that nobody waits for, in the memory of this server or shared with others. */
export interface Tasks {
  /** Begins the work. @throws resource_exhausted when there is no room for it. */
  start(work: TaskWork): Task | Promise<Task>;
  /** @throws not_found for tasks of others, too. */
  find(id: string, principal: Principal): Task | Promise<Task>;
  /** Cancels a task that is under way, and drops one that is not. @throws not_found */
  cancel(id: string, principal: Principal): Task | Promise<Task>;
}
