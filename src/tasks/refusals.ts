import { ServingError } from '../errors.ts';

export function noTask(): ServingError {
  return new ServingError('not_found', 'there is no such task, or it has expired', {
    reason: 'TASK_NOT_FOUND',
  });
}

export function tasksFull(): ServingError {
  return new ServingError('resource_exhausted', 'as many tasks are kept as may be', {
    reason: 'TASKS_FULL',
    retryAfterMs: 1000,
  });
}

export function taskTooLarge(limitBytes: number): ServingError {
  return new ServingError(
    'resource_exhausted',
    `a task or its result does not fit into the ${limitBytes} bytes that all tasks may take`,
    { reason: 'TASK_TOO_LARGE' },
  );
}

/** Redis did not answer. */
export function tasksUnreachable(cause: unknown): ServingError {
  return new ServingError('unavailable', 'tasks cannot be reached now; try again', {
    reason: 'TASKS_UNREACHABLE',
    retryAfterMs: 1000,
    cause,
  });
}

/** Servers that took the task ended, one after the other. */
export function taskLost(attempts: number): ServingError {
  return new ServingError('internal', `${attempts} servers ended while they worked on the task`, {
    reason: 'TASK_LOST',
  });
}
