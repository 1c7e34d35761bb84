import { ServingError, type ErrorCode } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { FailureReason } from '../inference/statistics.ts';
import type { Clock } from '../util/clock.ts';
import type { Answers } from './answers.ts';
import { overflowError, overflowOf, refuseByPrediction, refuseBySize } from './door.ts';
import { Entry, type Settlement } from './entry.ts';
import { whoGivesWay } from './give-way.ts';
import type { BatcherLimits } from './options.ts';
import {
  breakerError,
  quarantinedError,
  cancelledError,
  deadlineError,
  noExecutorError,
  shedError,
  tooManyRowsError,
} from './refusals.ts';
import { cutRequest, Rejoin } from './rejoin.ts';
import type { TargetQueue } from './target-queue.ts';
import { expiryOf, rankOf, termsOf } from './terms.ts';

/** At most so many waiting requests give way to one newcomer: refusing must stay cheap. */
const mostVictims = 8;

export interface EntranceOptions {
  readonly clock: Clock;
  readonly answers: Answers;
  readonly limits: BatcherLimits;
  readonly onEntered: (queue: TargetQueue, entry: Entry) => void;
  /** Takes a waiting entry out because its caller has gone. */
  readonly withdraw: (queue: TargetQueue, entry: Entry) => void;
}

/** Lets requests into a queue or turns them away. */
export class Entrance {
  readonly #clock: Clock;
  readonly #answers: Answers;
  readonly #limits: BatcherLimits;
  readonly #onEntered: (queue: TargetQueue, entry: Entry) => void;
  readonly #withdraw: (queue: TargetQueue, entry: Entry) => void;
  #order = 0;

  constructor({ clock, answers, limits, onEntered, withdraw }: EntranceOptions) {
    this.#clock = clock;
    this.#answers = answers;
    this.#limits = limits;
    this.#onEntered = onEntered;
    this.#withdraw = withdraw;
  }

  submit(
    queue: TargetQueue,
    request: InferRequest,
    call: CallContext,
    nowMs: number,
  ): Promise<InferResponse> {
    const rows = queue.rowsOf(request);
    if (rows > queue.maxRows) return this.#submitLarge(queue, request, call, nowMs);
    const { promise, resolve, reject } = Promise.withResolvers<InferResponse>();
    let settlement: Settlement = { resolve, reject };
    if (queue.inOrder !== undefined) settlement = queue.inOrder.enter(settlement);
    const entry = this.#entryFor(queue, request, call, { settlement, nowMs, chunk: -1 });
    const refusal = this.#admit(queue, entry, nowMs);
    if (refusal !== undefined) {
      recordRefusal(queue, call, refusal, nowMs);
      settlement.reject(refusal);
    }
    return promise;
  }

  /** More rows than a batch holds: run in parts where the operator says that rows do not influence each other. */
  #submitLarge(
    queue: TargetQueue,
    request: InferRequest,
    call: CallContext,
    nowMs: number,
  ): Promise<InferResponse> {
    const { spec, scheduling, statistics } = queue.target;
    if (!scheduling.rowIndependent) {
      const refusal = tooManyRowsError(spec.name, spec.maxBatchSize);
      recordRefusal(queue, call, refusal, nowMs);
      return Promise.reject(refusal);
    }
    const { promise, resolve, reject } = Promise.withResolvers<InferResponse>();
    let settlement: Settlement = { resolve, reject };
    if (queue.inOrder !== undefined) settlement = queue.inOrder.enter(settlement);
    const chunks = cutRequest(request, queue.rowsOf(request), queue.maxRows);
    const entries: Entry[] = [];
    const rejoin = new Rejoin(chunks.length, (outcome) => {
      const endedAt = this.#clock.now();
      call.onCancelled(undefined);
      if (outcome instanceof ServingError) {
        recordRefusal(queue, call, outcome, endedAt);
        for (const entry of entries) this.#withdraw(queue, entry);
        settlement.reject(outcome);
      } else {
        statistics.recordSuccess(endedAt - call.receivedAt, call.front);
        settlement.resolve(outcome);
      }
    });
    for (const [chunk, part] of chunks.entries()) {
      const own = rejoin.settlement(chunk);
      const entry = this.#entryFor(queue, part, call, { settlement: own, nowMs, chunk });
      const refusal = this.#admit(queue, entry, nowMs);
      if (refusal !== undefined) {
        own.reject(refusal);
        break;
      }
      entries.push(entry);
    }
    call.onCancelled(() => {
      for (const entry of entries) this.#withdraw(queue, entry);
    });
    return promise;
  }

  #entryFor(
    queue: TargetQueue,
    request: InferRequest,
    call: CallContext,
    own: { readonly settlement: Settlement; readonly nowMs: number; readonly chunk: number },
  ): Entry {
    const { scheduling } = queue.target;
    const terms = termsOf(scheduling, request, own.nowMs);
    const expiresAt = expiryOf(terms, call);
    let sizeBytes = 0;
    for (const { data } of request.inputs) sizeBytes += data.byteLength;
    return new Entry(request, call, own.settlement, {
      rows: queue.rowsOf(request),
      sizeBytes,
      queuedAt: own.nowMs,
      expiresAt,
      rank: rankOf(scheduling, expiresAt, own.nowMs),
      order: this.#order++,
      level: terms.level,
      outputMask: queue.outputs.maskOf(request),
      chunk: own.chunk,
    });
  }

  /** Puts the entry into its queue, or says why not. */
  #admit(queue: TargetQueue, entry: Entry, nowMs: number): ServingError | undefined {
    const { call } = entry;
    if (queue.slots.length === 0) return noExecutorError(queue.target.spec.name);
    if (queue.breaker.refusing) return breakerError(queue.target.spec.name, queue.breaker.retryAfterMs());
    if (queue.quarantine.guilty > 0 && queue.quarantine.holds(entry.request, entry.sizeBytes, nowMs)) {
      return quarantinedError(queue.target.spec.name);
    }
    if (nowMs >= call.deadline) return deadlineError();
    if (call.cancelled) return cancelledError();
    const lane = queue.laneOf(entry.request, entry.rows);
    const refusal = refuseBySize(queue, entry.level) ?? refuseByPrediction(queue, lane, entry, nowMs);
    if (refusal !== undefined) return refusal;
    for (let victims = 0; ; victims++) {
      const waiting = { limits: this.#limits, sizeBytes: this.#answers.sizeBytes };
      const overflow = overflowOf(queue, lane, entry, waiting);
      if (overflow === undefined) break;
      const victim = victims < mostVictims ? whoGivesWay(queue, entry, nowMs) : undefined;
      if (victim === undefined) return overflowError(queue, overflow);
      this.#preempt(queue, victim, nowMs);
    }
    this.#answers.accepted(queue, entry);
    queue.add(lane, entry);
    this.#onEntered(queue, entry);
    return undefined;
  }

  #preempt(queue: TargetQueue, victim: Entry, nowMs: number): void {
    queue.remove(victim);
    const error = shedError('PREEMPTED', queue.workMs / Math.max(1, queue.slots.length));
    this.#answers.fail(queue, victim, { error, reason: 'REJECTED', nowMs });
  }
}

function recordRefusal(queue: TargetQueue, call: CallContext, error: ServingError, nowMs: number): void {
  queue.counters.countFailure(error);
  const reason = failureReasons[error.code] ?? 'OTHER';
  queue.target.statistics.recordFailure(nowMs - call.receivedAt, reason, call.front);
}

const failureReasons: Partial<Record<ErrorCode, FailureReason>> = {
  resource_exhausted: 'REJECTED',
  unavailable: 'REJECTED',
  cancelled: 'CANCELED',
  deadline_exceeded: 'CANCELED',
  internal: 'BACKEND',
};
