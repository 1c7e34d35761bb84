import type { ServingError } from '../errors.ts';
import type { InferResponse } from '../inference/response.ts';
import type { FailureReason } from '../inference/statistics.ts';
import type { Entry } from './entry.ts';
import { nextDoorMargin } from './policy/door-margin.ts';
import { cancelledError, deadlineError } from './refusals.ts';
import type { TargetQueue } from './target-queue.ts';

/** The one place where requests leave the batcher: answered once, counted, and no longer accounted for. */
export class Answers {
  /** Bytes of all requests that wait or run. */
  sizeBytes = 0;
  readonly #onEmpty: (queue: TargetQueue) => void;

  /** @param onEmpty Called when the last request of a queue has been answered. */
  constructor(onEmpty: (queue: TargetQueue) => void) {
    this.#onEmpty = onEmpty;
  }

  /** Counts a request that was let in. Exactly one of the others follows. */
  accepted(queue: TargetQueue, entry: Entry): void {
    this.sizeBytes += entry.sizeBytes;
    queue.unanswered += 1;
  }

  succeed(queue: TargetQueue, entry: Entry, response: InferResponse, nowMs: number): void {
    if (entry.call.cancelled) {
      this.giveUp(queue, entry, nowMs);
      return;
    }
    if (!this.#leave(queue, entry)) return;
    if (entry.chunk < 0)
      queue.target.statistics.recordSuccess(nowMs - entry.call.receivedAt, entry.call.front);
    entry.settlement.resolve(response);
    if (queue.unanswered === 0) this.#onEmpty(queue);
  }

  fail(queue: TargetQueue, entry: Entry, failure: Failure): void {
    if (!this.#leave(queue, entry)) return;
    if (wasLetInInVain(failure.error)) queue.doorMargin = nextDoorMargin(queue.doorMargin, 'lost');
    if (entry.chunk < 0) {
      queue.counters.countFailure(failure.error);
      const { receivedAt, front } = entry.call;
      queue.target.statistics.recordFailure(failure.nowMs - receivedAt, failure.reason, front);
    }
    entry.settlement.reject(failure.error);
    if (queue.unanswered === 0) this.#onEmpty(queue);
  }

  /** Nobody waits any more: cancelled, or past its deadline. */
  giveUp(queue: TargetQueue, entry: Entry, nowMs: number): void {
    const error = nowMs >= entry.deadline ? deadlineError() : cancelledError();
    this.fail(queue, entry, { error, reason: 'CANCELED', nowMs });
  }

  #leave(queue: TargetQueue, entry: Entry): boolean {
    if (entry.state === 'settled') return false;
    entry.state = 'settled';
    this.sizeBytes -= entry.sizeBytes;
    queue.unanswered -= 1;
    if (entry.chunk < 0) entry.call.onCancelled(undefined);
    return true;
  }
}

/** The door predicted that it would be in time. */
function wasLetInInVain({ code, reason }: ServingError): boolean {
  return code === 'deadline_exceeded' || reason === 'DEADLINE_UNREACHABLE';
}

export interface Failure {
  readonly error: ServingError;
  readonly reason: FailureReason;
  readonly nowMs: number;
}
