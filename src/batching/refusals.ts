import { ServingError } from '../errors.ts';

/** Why the batcher itself turned a request away; all of them are shed work that may be tried again. */
export type ShedReason =
  | 'WAIT_EXCEEDS_DEADLINE'
  | 'DEADLINE_UNREACHABLE'
  | 'QUEUE_ROWS_EXCEEDED'
  | 'QUEUE_REQUESTS_EXCEEDED'
  | 'QUEUE_BYTES_EXCEEDED'
  | 'QUEUE_WORK_EXCEEDED'
  | 'PREEMPTED';

const shedTexts = {
  WAIT_EXCEEDS_DEADLINE: 'overloaded: the predicted wait exceeds the deadline',
  DEADLINE_UNREACHABLE: 'overloaded: the answer could not be ready before the deadline',
  QUEUE_ROWS_EXCEEDED: 'overloaded: too many rows are waiting for the model',
  QUEUE_REQUESTS_EXCEEDED: 'overloaded: too many requests are waiting for the model',
  QUEUE_BYTES_EXCEEDED: 'overloaded: too many bytes are waiting in the server',
  QUEUE_WORK_EXCEEDED: 'overloaded: too much work is waiting for the model',
  PREEMPTED: 'overloaded: gave way to a request that goes first',
} as const satisfies Record<ShedReason, string>;

/** Longer advice would outlive the overload that it was computed from. */
const longestRetryMs = 10_000;

/** @param retryMs When trying again is worth it; rounded up to whole milliseconds, 1 to 10,000. */
export function shedError(reason: ShedReason, retryMs: number): ServingError {
  const retryAfterMs = Math.min(longestRetryMs, Math.max(1, Math.ceil(retryMs)));
  return new ServingError('resource_exhausted', shedTexts[reason], { reason, retryAfterMs });
}

export function queueSizeError(): ServingError {
  return new ServingError('unavailable', 'Exceeds maximum queue size', { reason: 'MODEL_QUEUE_FULL' });
}

export function queueTimeoutError(): ServingError {
  return new ServingError('unavailable', 'Request timeout expired', { reason: 'QUEUE_TIMEOUT' });
}

export function noExecutorError(model: string): ServingError {
  return new ServingError('unavailable', `no instance of model '${model}' is available`, {
    reason: 'NO_INSTANCE',
  });
}

/** Running it lost executors before: to run it again would lose another. */
export function quarantinedError(model: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `this request made model '${model}' fail and is not run again`,
    {
      reason: 'REQUEST_QUARANTINED',
    },
  );
}

/** The model failed by itself, again and again, or does not end: nothing is tried with it for a while. */
export function breakerError(model: string, retryAfterMs: number): ServingError {
  return new ServingError('unavailable', `model '${model}' is out of service after failures`, {
    reason: 'MODEL_BREAKER_OPEN',
    retryAfterMs,
  });
}

export function cancelledError(): ServingError {
  return new ServingError('cancelled', 'the request was cancelled', { reason: 'CANCELLED' });
}

export function deadlineError(): ServingError {
  return new ServingError('deadline_exceeded', 'the deadline passed before the request was answered', {
    reason: 'DEADLINE_EXCEEDED',
  });
}

export function tooManyRowsError(model: string, maxBatchSize: number): ServingError {
  return new ServingError(
    'invalid_argument',
    `inference request batch-size must be <= ${maxBatchSize} for '${model}'`,
    {
      reason: 'BATCH_TOO_LARGE',
    },
  );
}

/** An output of a joined batch cannot be told apart by rows: the model's fault, found by its first joined batch. */
export function unsplittableError(model: string): ServingError {
  return new ServingError(
    'internal',
    `model '${model}' gave outputs that do not follow the batch dimension`,
    {
      reason: 'OUTPUT_NOT_BATCHED',
    },
  );
}
