import type { CallContext } from '../inference/call-context.ts';
import { silentLogger, type Logger } from '../inference/logger.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Target } from '../inference/target.ts';
import type { BreakerState } from '../util/breaker-policy.ts';
import type { Clock } from '../util/clock.ts';
import { Alarm } from './alarm.ts';
import { Answers } from './answers.ts';
import { CostBook } from './cost-book.ts';
import { Dispatcher } from './dispatcher.ts';
import { Entrance } from './entrance.ts';
import type { Entry } from './entry.ts';
import { expireDue, failWaiting, withdraw } from './expire.ts';
import type { LearnedCost } from './inspection.ts';
import { defaultBatcherLimits, type BatcherOptions } from './options.ts';
import type { RateLimiter } from './rate-limiter.ts';
import { breakerError } from './refusals.ts';
import { Runner } from './run-batch.ts';
import { rowClassOf } from './signature.ts';
import type { Slot } from './slot.ts';
import { TargetQueue } from './target-queue.ts';
import { defaultHangLimits, Watchdog } from './watchdog.ts';

/**
 * Brings requests, executors and time together. Whatever happens (a request came, an executor is free, time is up) ends
 * in the dispatcher's `pump`.
 */
export class Scheduler {
  readonly costs = new CostBook();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limiter: RateLimiter | undefined;
  readonly #nextTurn: (run: () => void) => void;
  readonly #queues = new Map<Target, TargetQueue>();
  readonly #drains = new Map<Target, (() => void)[]>();
  readonly #answers: Answers;
  readonly #alarm: Alarm;
  readonly #dispatcher: Dispatcher;
  readonly #entrance: Entrance;
  readonly #watchdog: Watchdog;
  readonly #runner: Runner;
  readonly #flush = (): void => {
    this.#flushing = false;
    this.#dispatcher.turn();
  };
  #lastQueue: TargetQueue | undefined;
  #flushing = false;

  constructor({
    clock,
    logger = silentLogger,
    limits: given,
    limiter,
    nextTurn,
    hangLimits,
  }: BatcherOptions) {
    const limits = { ...defaultBatcherLimits, ...given };
    this.#clock = clock;
    this.#logger = logger;
    this.#limiter = limiter;
    this.#nextTurn = nextTurn ?? ((run) => void setImmediate(run));
    this.#alarm = new Alarm(clock, () => this.#onAlarm());
    this.#answers = new Answers((queue) => this.#onEmpty(queue));
    const answers = this.#answers;
    this.#watchdog = new Watchdog({
      clock,
      limits: { ...defaultHangLimits, ...hangLimits },
      queues: () => this.#queues.values(),
      onHung: (queue, slot, runningMs) => this.#onHung(queue, slot, runningMs),
    });
    this.#runner = new Runner({
      clock,
      logger,
      answers,
      onEnded: (queue) => this.#onEnded(queue),
      onHeld: (entry) => this.#alarm.at(entry.expiresAt),
      watchdog: this.#watchdog,
    });
    this.#dispatcher = new Dispatcher({
      clock,
      alarm: this.#alarm,
      answers,
      runner: this.#runner,
      limiter,
      runningBatches: limits.runningBatches,
      onUnfinished: () => this.#pumpNextTurn(),
    });
    this.#entrance = new Entrance({
      clock,
      answers,
      limits,
      onEntered: (queue, entry) => this.#onEntered(queue, entry),
      withdraw: (queue, entry) => this.#withdraw(queue, entry),
    });
  }

  submit(target: Target, request: InferRequest, call: CallContext): Promise<InferResponse> {
    return this.#entrance.submit(this.queueOf(target), request, call, this.#clock.now());
  }

  drained(target: Target): Promise<void> {
    const queue = this.#queues.get(target);
    if (queue === undefined) return Promise.resolve();
    if (queue.unanswered === 0) {
      this.#forget(queue);
      return Promise.resolve();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiters = this.#drains.get(target) ?? [];
    waiters.push(resolve);
    this.#drains.set(target, waiters);
    return promise;
  }

  queueOf(target: Target): TargetQueue {
    if (this.#lastQueue?.target === target) return this.#lastQueue;
    let queue = this.#queues.get(target);
    if (queue === undefined) {
      const costs = this.costs.of(target.spec.digest, Math.max(1, target.spec.maxBatchSize));
      costs.table(rowClassOf(target.spec)).import(rehearsedCosts(target));
      queue = new TargetQueue(target, costs, {
        clock: this.#clock,
        onIdle: (idle) => this.#onIdle(idle),
        onBreaker: (changed, state) => this.#onBreaker(changed, state),
      });
      this.#limit(queue);
      this.#queues.set(target, queue);
    }
    this.#lastQueue = queue;
    return queue;
  }

  #limit({ slots, target }: TargetQueue): void {
    const { instanceLimits } = target.scheduling;
    for (const [index, slot] of slots.entries())
      slot.limited = this.#limiter?.instance(instanceLimits[index]);
  }

  queues(): Iterable<TargetQueue> {
    return this.#queues.values();
  }

  #onEntered(queue: TargetQueue, entry: Entry): void {
    this.#dispatcher.noteWaiting(queue);
    if (entry.expiresAt !== Infinity) this.#alarm.at(entry.expiresAt);
    if (entry.chunk < 0) entry.call.onCancelled(() => this.#withdraw(queue, entry));
    this.#pumpNextTurn();
  }

  #pumpNextTurn(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#nextTurn(this.#flush);
  }

  #withdraw(queue: TargetQueue, entry: Entry): void {
    withdraw(queue, entry, this.#answers, this.#clock.now());
  }

  #onEnded(queue: TargetQueue): void {
    if (queue.waiting) this.#dispatcher.noteWaiting(queue);
    // What this queue's run needed may be what another waits for.
    if (queue.waiting || this.#limiter !== undefined) this.#dispatcher.pump();
    if (this.#runner.threadBatches === 0) this.#watchdog.rest();
  }

  #onIdle(queue: TargetQueue): void {
    const { state } = queue.breaker;
    // What hung is replaced. Only the first time at once: what hangs again and again is given time.
    if (state.kind === 'open' && state.cause === 'hang' && state.opens === 1) queue.breaker.probe();
    queue.sampleWaits?.resolve();
    this.#dispatcher.pump();
  }

  #onBreaker(queue: TargetQueue, state: BreakerState): void {
    const { name: model, version } = queue.target.spec;
    if (state.kind === 'open') {
      queue.breakerCause = state.cause;
      const nowMs = this.#clock.now();
      const retryMs = queue.breaker.retryAfterMs();
      const { cause, opens } = state;
      this.#logger.error(
        { model, version, cause, opens, retryMs },
        'breaker open: the model is out of service',
      );
      failWaiting(queue, breakerError(model, retryMs), this.#answers, nowMs);
    } else if (state.kind === 'closed') {
      this.#logger.info({ model, version }, 'breaker closed: the model is in service again');
      this.#dispatcher.pump();
    } else if (state.step === 'waiting') {
      this.#logger.info({ model, version }, 'breaker half-open: one batch is let through');
      // One may wait already: of a run that ended after the breaker had opened.
      this.#pumpNextTurn();
    }
  }

  #onHung(queue: TargetQueue, { executor }: Slot, runningMs: number): void {
    const { name: model, version } = queue.target.spec;
    this.#logger.error({ model, version, runningMs }, 'a run does not end; its executor is given up');
    executor.abandon?.();
  }

  #onAlarm(): void {
    const nowMs = this.#clock.now();
    for (const queue of this.#dispatcher.waiting) this.#alarm.at(expireDue(queue, this.#answers, nowMs));
    this.#dispatcher.pump();
  }

  #onEmpty(queue: TargetQueue): void {
    const waiters = this.#drains.get(queue.target);
    if (waiters === undefined) return;
    this.#drains.delete(queue.target);
    this.#forget(queue);
    for (const resolve of waiters) resolve();
  }

  #forget(queue: TargetQueue): void {
    queue[Symbol.dispose]();
    for (const { limited } of queue.slots) if (limited !== undefined) this.#limiter?.forget(limited);
    this.#queues.delete(queue.target);
    if (this.#lastQueue === queue) this.#lastQueue = undefined;
    // A moment asked for on behalf of a request that has long been answered must not keep the process alive.
    if (this.#queues.size > 0) return;
    this.#alarm[Symbol.dispose]();
    this.#watchdog.rest();
  }
}

/** Few enough that what requests cost soon outweighs what zeros did. */
const rehearsedSamples = 3;

function rehearsedCosts({ rehearsed = [] }: Target): LearnedCost[] {
  return rehearsed.map(({ rows, ms }) => ({ rows, ms, samples: rehearsedSamples }));
}
