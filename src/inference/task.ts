import type { ServingError } from '../errors.ts';
import type { CallContext } from './call-context.ts';

/** A prediction that nobody waits for. Times are milliseconds since the Unix epoch. */
export interface Task {
  readonly id: string;
  readonly createdAt: number;
  /** undefined while it is under way. */
  readonly finishedAt: number | undefined;
  readonly expiresAt: number | undefined;
  readonly outcome: TaskOutcome;
}

export type TaskOutcome =
  | { readonly state: 'pending' | 'cancelled' }
  /** The result as JSON. */
  | { readonly state: 'succeeded'; readonly text: string }
  | { readonly state: 'failed'; readonly error: ServingError };

/** A task in a form that any server can do. */
export interface SharedWork {
  /** Name of the caller: nobody else sees the task. */
  readonly owner: string;
  readonly weight: number;
  /** Milliseconds since the Unix epoch; Infinity without one. */
  readonly deadlineAt: number;
  readonly payload: Uint8Array;
}

/** Does what a payload says, on whichever server takes it; resolves with the result as JSON. */
export type RunPayload = (payload: Buffer, call: CallContext) => Promise<string>;

/** Tasks that several servers share. All reject with unavailable while what keeps them cannot be reached. */
export interface SharedTasks extends AsyncDisposable {
  /** @throws resource_exhausted when there is no room for it. */
  start(work: SharedWork): Promise<Task>;
  /** @throws not_found for tasks of others, too. */
  find(id: string, owner: string): Promise<Task>;
  /** Cancels a task that is under way, and drops one that is not. @throws not_found */
  cancel(id: string, owner: string): Promise<Task>;
}

/** A server's part in shared tasks. */
export interface TaskMember {
  readonly run: RunPayload;
  /** While it is not, the server takes no tasks: others may have the models that it does not have yet. */
  readonly ready: () => boolean;
}

/** Joins the servers that share tasks, and does its part of them until it is disposed. */
export type JoinSharedTasks = (member: TaskMember) => SharedTasks;
