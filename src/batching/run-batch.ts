import { ServingError } from '../errors.ts';
import type { ComputeTimes } from '../inference/call-context.ts';
import type { Batch, BatchResult } from '../inference/executor.ts';
import type { Logger } from '../inference/logger.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Clock } from '../util/clock.ts';
import type { Answers } from './answers.ts';
import { assembleBatch, type BatchPadding } from './assemble.ts';
import type { Entry } from './entry.ts';
import type { Bisection, HeldBatch } from './held-batch.ts';
import type { Lane, LaneBucket } from './lane.ts';
import { hungReason, lastOneHangs, outcomeOfFailure } from './model-breaker.ts';
import { allOutputs } from './outputs.ts';
import { turnMs } from './policy/knee.ts';
import { publishBatch } from './publish-batch.ts';
import { breakerError, unsplittableError } from './refusals.ts';
import { assembleRagged } from './ragged.ts';
import { asClientsSee, followsRows, respondEach, respondSplit, respondWhole } from './respond.ts';
import type { Occupation, Slot } from './slot.ts';
import { splitBatch } from './split-batch.ts';
import type { TargetQueue } from './target-queue.ts';
import type { Watchdog } from './watchdog.ts';

/** What a batch is run as: fresh from its lane, or one that was held. */
export type Runnable = Omit<HeldBatch, 'origin'> & { readonly origin: HeldBatch['origin'] | 'lane' };

interface Run {
  readonly queue: TargetQueue;
  readonly slot: Slot;
  readonly runnable: Runnable;
  /** As it was at the start: an executor may move between this thread and its own. */
  readonly inline: boolean;
  readonly batch: Batch;
  readonly startedAt: number;
  readonly queueMs: number;
  readonly requests: number;
  /** Of the breaker. */
  readonly begun: number;
  occupation: Occupation | undefined;
}

export interface RunnerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly answers: Answers;
  /** A batch ended; its executor may be free, and its queue may hold more than before. */
  readonly onEnded: (queue: TargetQueue) => void;
  /** A request that ran waits again: its expiry has to be watched again. */
  readonly onHeld: (entry: Entry) => void;
  readonly watchdog: Pick<Watchdog, 'started'>;
}

/** The input of an executor for a set of requests of one lane. */
export function batchOf(queue: TargetQueue, lane: Lane, entries: readonly Entry[]): Batch {
  let mask = 0;
  for (const entry of entries) mask = entry.outputMask === allOutputs ? allOutputs : mask | entry.outputMask;
  const { spec, scheduling } = queue.target;
  const outputs = queue.outputs.namesOf(mask);
  if (scheduling.ragged !== undefined) return assembleRagged(spec, scheduling.ragged, entries, outputs);
  const padding = lane.bucket === undefined ? undefined : paddingOf(queue, lane.bucket, entries);
  return assembleBatch(spec, entries, outputs, padding);
}

/** How a batch of these requests is padded; undefined when it is not. */
function paddingOf(
  queue: TargetQueue,
  { bounds }: LaneBucket,
  entries: readonly Entry[],
): BatchPadding | undefined {
  const plan = queue.padding;
  if (plan === undefined || (queue.alone && entries.length === 1)) return undefined;
  return { plan, sizes: plan.paddedTo(entries, bounds) };
}

/** @param share the request's rows among all of the batch: 0 to 1. */
function addTimes(times: ComputeTimes, { inputMs, inferMs, outputMs }: BatchResult, share: number): void {
  times.inputMs += inputMs;
  times.inferMs += inferMs;
  times.outputMs += outputMs;
  times.shareMs += (inputMs + inferMs + outputMs) * share;
}

/** Runs batches on executors and answers their requests. */
export class Runner {
  /** Batches that run on executor threads now, over all targets. */
  threadBatches = 0;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #answers: Answers;
  readonly #onEnded: (queue: TargetQueue) => void;
  readonly #onHeld: (entry: Entry) => void;
  readonly #watchdog: Pick<Watchdog, 'started'>;

  constructor({ clock, logger, answers, onEnded, onHeld, watchdog }: RunnerOptions) {
    this.#clock = clock;
    this.#logger = logger;
    this.#answers = answers;
    this.#onEnded = onEnded;
    this.#onHeld = onHeld;
    this.#watchdog = watchdog;
  }

  /** Starts a batch on an idle executor. All its entries wait still. */
  start(queue: TargetQueue, slot: Slot, runnable: Runnable): void {
    const batch = runnable.batch ?? batchOf(queue, runnable.lane, runnable.entries);
    const startedAt = this.#clock.now();
    let queueMs = 0;
    let requests = 0;
    for (const entry of runnable.entries) {
      entry.state = 'running';
      queueMs += startedAt - entry.queuedAt;
      if (entry.chunk <= 0) requests += 1;
    }
    const run: Run = {
      queue,
      slot,
      runnable,
      inline: slot.executor.computesInline?.(batch) ?? slot.executor.inline,
      batch,
      startedAt,
      queueMs,
      requests,
      begun: queue.breaker.begin(),
      occupation: undefined,
    };
    queue.runningBatches += 1;
    if (!run.inline) this.threadBatches += 1;
    runnable.lane.noteBatch(batch.rows);
    queue.counters.countBatch(batch.rows, runnable.reason);
    if (runnable.reason === 'full') runnable.lane.costs.countFullBatch();
    const { costs } = runnable.lane;
    const { rows } = batch;
    // Only runs on other threads can be found to take too long.
    const dearestMs = run.inline ? 0 : rows * costs.estimateMs(1);
    run.occupation = slot.started(startedAt, costs.estimateMs(rows), dearestMs);
    if (!run.inline) this.#watchdog.started();
    let result: Promise<BatchResult>;
    try {
      result = slot.executor.run(batch);
    } catch (error) {
      result = Promise.reject(ServingError.from(error));
    }
    // An inline executor has computed already; what follows in this turn is not its time.
    if (run.inline) slot.ended(run.occupation, this.#clock.now());
    result.then(
      (outcome) => this.#succeeded(run, outcome),
      (error: unknown) => this.#failed(run, ServingError.from(error)),
    );
  }

  #succeeded(run: Run, result: BatchResult): void {
    const { queue, runnable, batch } = run;
    const { rows } = batch;
    const nowMs = this.#clock.now();
    const endedAt = this.#ended(run, nowMs);
    run.slot.prove();
    queue.breaker.end(run.begun, 'success');
    const busyMs = result.inputMs + result.inferMs + result.outputMs;
    const aroundMs = run.inline ? turnMs.inline : turnMs.thread;
    runnable.lane.costs.observe(rows, endedAt - run.startedAt, busyMs, aroundMs);
    publishBatch(run, endedAt, result);
    const { entries } = runnable;
    const responses = this.#responses(queue, runnable, batch, result);
    if (responses instanceof ServingError) {
      this.#failAll(queue, entries, responses);
    } else {
      const { inputMs, inferMs, outputMs } = result;
      const { statistics } = queue.target;
      queue.retries.earn();
      statistics.recordBatch(rows, run.requests, run.queueMs, inputMs, inferMs, outputMs);
      for (let i = 0; i < entries.length; i++) {
        const entry = entries[i];
        const response = responses[i];
        if (entry === undefined || response === undefined) continue;
        if (entry.chunk <= 0) statistics.recordQueueWait(run.startedAt - entry.queuedAt);
        if (entry.call.times !== undefined) addTimes(entry.call.times, result, entry.rows / rows);
        this.#answers.succeed(queue, entry, response, nowMs);
      }
    }
    this.#onEnded(queue);
  }

  /** One answer per entry, or why the batch cannot be split; then later requests of the target go alone. */
  #responses(
    queue: TargetQueue,
    { lane, entries }: Runnable,
    batch: Batch,
    { outputs }: BatchResult,
  ): readonly InferResponse[] | ServingError {
    const { target } = queue;
    const { spec } = target;
    const [only] = entries;
    if (lane.bucket === undefined && target.scheduling.ragged === undefined) {
      if (entries.length === 1 && only !== undefined) {
        return [respondWhole(spec, only, asClientsSee(spec, outputs))];
      }
      if (followsRows(outputs, batch.rows)) return respondSplit(spec, entries, asClientsSee(spec, outputs));
    }
    const plan = lane.bucket === undefined ? undefined : queue.padding;
    const split = splitBatch(target, entries, outputs, { batch, plan });
    if (typeof split !== 'string') return respondEach(spec, entries, split);
    queue.batchingOffReason = split;
    this.#logger.warn({ model: spec.name, version: spec.version, reason: split }, 'batching is off');
    return unsplittableError(spec.name);
  }

  #failed(run: Run, error: ServingError): void {
    const { queue, runnable } = run;
    const nowMs = this.#clock.now();
    publishBatch(run, this.#ended(run, nowMs), error);
    if (error.code === 'unavailable') {
      this.#countFailure(run, error);
      this.#elsewhere(run, error, nowMs);
    } else if (runnable.entries.length > 1 && queue.breaker.state.kind === 'open') {
      // Others found the model broken meanwhile: to run again to learn who is at fault would be to wait until it is tried again.
      this.#failAll(queue, runnable.entries, this.#blameless(queue, error));
    } else if (runnable.entries.length > 1 && this.#bisect(run)) {
      // Which of its requests is at fault, if not the model, shows with the halves.
      queue.breaker.end(run.begun, 'neutral');
    } else if (runnable.entries.length > 1 && error.code === 'invalid_argument') {
      queue.breaker.end(run.begun, 'neutral');
      this.#runEachAlone(run);
    } else {
      this.#countFailure(run, error);
      this.#failAll(queue, runnable.entries, error);
    }
    this.#onEnded(queue);
  }

  #countFailure({ queue, slot, begun, runnable }: Run, error: ServingError): void {
    const hung = error.reason === hungReason;
    const [only, another] = runnable.entries;
    if (only !== undefined && another === undefined && outcomeOfFailure(error) === 'fatal')
      queue.quarantine.add(only.request, only.sizeBytes, this.#clock.now());
    if (hung) queue.hungRuns += 1;
    if (hung && lastOneHangs(queue, slot)) queue.breaker.trip('hang');
    else queue.breaker.end(begun, outcomeOfFailure(error));
  }

  #ended({ queue, slot, inline, occupation }: Run, nowMs: number): number {
    queue.runningBatches -= 1;
    if (!inline) this.threadBatches -= 1;
    return occupation === undefined ? nowMs : slot.ended(occupation, nowMs);
  }

  /** The executor failed, not the batch: once, another one may try. */
  #elsewhere({ queue, slot, runnable }: Run, error: ServingError, nowMs: number): void {
    const { entries } = runnable;
    const worthIt =
      !queue.breaker.refusing &&
      error.reason !== hungReason &&
      entries.some((entry) => nowMs < entry.deadline && !entry.call.cancelled);
    if (queue.slots.length < 2 || runnable.origin === 'retry' || !worthIt || !queue.retries.spend()) {
      this.#failAll(queue, entries, error);
      return;
    }
    this.#hold(queue, { ...runnable, origin: 'retry', batch: undefined, notOn: slot });
  }

  /** Halves a failed batch, so that in the end only the request that makes it fail does. @returns false over budget. */
  #bisect({ queue, runnable }: Run): boolean {
    const { entries } = runnable;
    if (runnable.bisection === undefined && !queue.retries.spend()) return false;
    // Two runs for each halving on the way to one guilty request.
    const bisection: Bisection = runnable.bisection ?? { runsLeft: 2 * Math.ceil(Math.log2(entries.length)) };
    if (bisection.runsLeft < 2) return false;
    bisection.runsLeft -= 2;
    const middle = entries.length >> 1;
    for (const half of [entries.slice(0, middle), entries.slice(middle)]) {
      this.#hold(queue, {
        ...runnable,
        entries: half,
        origin: 'bisect',
        batch: undefined,
        notOn: undefined,
        bisection,
      });
    }
    return true;
  }

  /** What all requests of a batch may be told that failed. */
  #blameless({ target, breaker }: TargetQueue, error: ServingError): ServingError {
    return error.code === 'invalid_argument' ? breakerError(target.spec.name, breaker.retryAfterMs()) : error;
  }

  /**
   * Beyond the budget of retries the requests at fault are not looked for, but nobody is told that the input of another
   * cannot be computed: each runs once more, as if there were no batches.
   */
  #runEachAlone({ queue, runnable }: Run): void {
    for (const entry of runnable.entries) {
      this.#hold(queue, {
        ...runnable,
        entries: [entry],
        origin: 'bisect',
        batch: undefined,
        notOn: undefined,
        bisection: { runsLeft: 0 },
      });
    }
  }

  #failAll(queue: TargetQueue, entries: readonly Entry[], error: ServingError): void {
    const nowMs = this.#clock.now();
    for (const entry of entries) {
      if (entry.call.cancelled) this.#answers.giveUp(queue, entry, nowMs);
      else this.#answers.fail(queue, entry, { error, reason: 'BACKEND', nowMs });
    }
  }

  /** Leaves a batch with its queue until an executor can take it. */
  #hold(queue: TargetQueue, held: HeldBatch): void {
    queue.held.push(held);
    for (const entry of held.entries) {
      entry.state = 'waiting';
      this.#onHeld(entry);
    }
  }
}
