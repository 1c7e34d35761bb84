import type { Clock } from '../util/clock.ts';
import type { Alarm } from './alarm.ts';
import type { Answers } from './answers.ts';
import type { Entry } from './entry.ts';
import { expire, shedDoomed } from './expire.ts';
import { decideClose, formBatch, type FormedBatch } from './form-batch.ts';
import { companyOf, hostOf, nobody, type Company } from './company.ts';
import type { HeldBatch } from './held-batch.ts';
import type { Lane } from './lane.ts';
import type { CloseDecision } from './policy/close-batch.ts';
import { predictionMargin } from './policy/predict-wait.ts';
import type { LimitedInstance, RateLimiter } from './rate-limiter.ts';
import { batchOf, type Runner } from './run-batch.ts';
import type { Slot } from './slot.ts';
import type { TargetQueue } from './target-queue.ts';
import { propose, Turns, type HeldProposal, type Proposal } from './turns.ts';

/**
 * Inline batches of one turn of the event loop stop after this long, so that sockets are read and answers written
 * between them even when seconds of work wait.
 */
const inlineTurnMs = 4;

export interface DispatcherOptions {
  readonly clock: Clock;
  readonly alarm: Alarm;
  readonly answers: Answers;
  readonly runner: Runner;
  readonly limiter: RateLimiter | undefined;
  /** Batches on executor threads at once, over all targets. */
  readonly runningBatches: number;
  /** Asks for another `pump` in the next turn of the event loop. */
  readonly onUnfinished: () => void;
}

/** Gives free executors their next batch. */
export class Dispatcher {
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #answers: Answers;
  readonly #runner: Runner;
  readonly #limiter: RateLimiter | undefined;
  readonly #runningBatches: number;
  readonly #onUnfinished: () => void;
  readonly #turns = new Turns();
  /** Not a Set: what it leaves behind at each change reaches the old generation (transport/h2/stream-table.ts says how). */
  readonly #waiting: TargetQueue[] = [];
  #pumping = false;
  #pumpAgain = false;
  /** When inline batches have had their part of this turn of the event loop; Infinity before the first. */
  #inlineUntil = Infinity;
  /** Counts turns of the event loop, or rather those that came for batches. */
  #turn = 0;
  #inTurn = false;

  constructor(options: DispatcherOptions) {
    this.#clock = options.clock;
    this.#alarm = options.alarm;
    this.#answers = options.answers;
    this.#runner = options.runner;
    this.#limiter = options.limiter;
    this.#runningBatches = options.runningBatches;
    this.#onUnfinished = options.onUnfinished;
  }

  /** Targets with something in their queue. */
  get waiting(): Iterable<TargetQueue> {
    return this.#waiting;
  }

  noteWaiting(queue: TargetQueue): void {
    if (queue.listed) return;
    queue.listed = true;
    this.#waiting.push(queue);
  }

  /** As `pump`, at the start of a turn of the event loop: inline batches may take their time again. */
  turn(): void {
    this.#inlineUntil = Infinity;
    this.#turn++;
    this.#inTurn = true;
    this.pump();
    this.#inTurn = false;
  }

  /** Starts every batch that may start now. Work-conserving: no executor stays idle while something may run on it. */
  pump(): void {
    this.#pumpAgain = true;
    // An inline executor is idle again within `run`; the loop below goes on by itself.
    if (this.#pumping) return;
    this.#pumping = true;
    if (this.#inlineUntil === Infinity) this.#inlineUntil = this.#clock.now() + inlineTurnMs;
    try {
      while (this.#pumpAgain) {
        this.#pumpAgain = false;
        while (this.#startNext());
      }
      this.#prepareOrLeave();
    } finally {
      this.#pumping = false;
    }
  }

  #prepareOrLeave(): void {
    let kept = 0;
    for (const queue of this.#waiting) {
      if (queue.waiting) {
        this.#waiting[kept++] = queue;
        this.#prepare(queue);
      } else this.#leave(queue);
    }
    this.#waiting.length = kept;
  }

  #leave(queue: TargetQueue): void {
    queue.listed = false;
    // Time that it did not use while it had nothing to do is not saved up.
    queue.deficitMs = 0;
  }

  /** Starts one batch of the target whose turn it is. @returns false when nothing can start. */
  #startNext(): boolean {
    const nowMs = this.#clock.now();
    const proposals: Proposal[] = [];
    for (const queue of this.#waiting) {
      if (!queue.waiting) continue;
      const free = this.#freeSlots(queue, nowMs < this.#inlineUntil);
      if (free.length === 0) continue;
      if (this.#limiter === undefined) this.#propose(queue, free, nowMs, proposals);
      else for (const slot of free) this.#propose(queue, [slot], nowMs, proposals);
    }
    const chosen =
      this.#limiter === undefined ? this.#turns.choose(proposals) : limitedChoice(this.#limiter, proposals);
    if (chosen === undefined) return false;
    if (chosen.kind === 'held') {
      this.#startHeld(chosen, nowMs);
      return true;
    }
    const { queue, slot, lane, closing } = chosen;
    const company = companyOf(queue, lane, closing);
    const formed = this.#form(queue, lane, closing, { nowMs, ...company });
    if (formed.entries.length > 0) {
      const host = hostOf(queue, lane, company, formed.entries);
      slot.startedTurn = this.#turn;
      this.#runner.start(queue, slot, { ...fresh, lane: host, ...formed });
    }
    return true;
  }

  #propose(queue: TargetQueue, free: readonly Slot[], nowMs: number, proposals: Proposal[]): void {
    const proposal = propose(queue, free, nowMs);
    if (proposal === undefined) return;
    if (proposal.kind === 'wait') this.#alarm.at(proposal.untilMs);
    else proposals.push(proposal);
  }

  #freeSlots(queue: TargetQueue, inlineAllowed: boolean): readonly Slot[] {
    const free: Slot[] = [];
    if (queue.breaker.refusing) return free;
    for (const slot of queue.slots) {
      if (!slot.executor.idle) continue;
      if (queue.stepwise && !(this.#inTurn && slot.startedTurn !== this.#turn)) this.#onUnfinished();
      else if (!slot.executor.inline) {
        if (this.#runner.threadBatches < this.#runningBatches) free.push(slot);
      } else if (inlineAllowed) free.push(slot);
      else this.#onUnfinished();
    }
    return free;
  }

  #form(
    queue: TargetQueue,
    lane: Lane,
    closing: CloseDecision & { readonly kind: 'close' },
    { nowMs, host, guests }: Company & { readonly nowMs: number },
  ): FormedBatch {
    const answers = this.#answers;
    return formBatch(queue, lane, closing, {
      nowMs,
      host,
      guests,
      onExpired: (entry) =>
        this.#alarm.at(expire(queue, entry, { answers, nowMs, lane: queue.homeOf(lane, entry) })),
      onDoomed: (entry) => shedDoomed(queue, lane, entry, answers, nowMs),
    });
  }

  /** Runs a held batch without those whom nobody waits for any more; a prepared one that lost some is formed anew. */
  #startHeld({ queue, slot, held }: HeldProposal, nowMs: number): void {
    queue.held.splice(queue.held.indexOf(held), 1);
    slot.startedTurn = this.#turn;
    const batchMs = predictionMargin * held.lane.costs.estimateMs(held.batch?.rows ?? 1);
    const latest = queue.trustsCosts(nowMs) ? nowMs + batchMs : nowMs;
    const entries = held.entries.filter((entry) => entry.state === 'waiting');
    if (held.origin === 'prepared') {
      if (entries.length === held.entries.length && entries.every((entry) => latest <= entry.deadline)) {
        this.#runner.start(queue, slot, held);
      } else for (const entry of entries.toReversed()) queue.restore(held.lane, entry);
      return;
    }
    if (entries.length > 0) this.#runner.start(queue, slot, { ...held, entries });
  }

  /** Puts a full batch together while all executors are busy, so that the first free one need not wait for that. */
  #prepare(queue: TargetQueue): void {
    if (queue.alone || queue.held.length > 0 || queue.inOrder !== undefined) return;
    // Where somebody may still have to go before others, the choice is left for the last moment.
    const { priorityLevels, defaultQueuePolicy } = queue.target.scheduling;
    if (priorityLevels > 0 || defaultQueuePolicy.timeoutAction === 'delay' || queue.accounts.length > 1)
      return;
    const [lane, another] = queue.activeLanes;
    if (lane === undefined || another !== undefined || queue.slots.some((slot) => slot.executor.idle)) return;
    const nowMs = this.#clock.now();
    const closing = decideClose(queue, lane, nowMs);
    if (closing.kind !== 'close' || closing.reason !== 'full') return;
    const { entries, reason } = this.#form(queue, lane, closing, { nowMs, host: lane, guests: nobody });
    if (entries.length === 0) return;
    if (reason !== 'full' || rowsOf(entries) < closing.rows) {
      for (const entry of entries.toReversed()) queue.restore(lane, entry);
      return;
    }
    const batch = batchOf(queue, lane, entries);
    const held: HeldBatch = { ...fresh, origin: 'prepared', lane, entries, reason, batch };
    queue.held.push(held);
  }
}

/** Under the rate limiter turns are by runs and priority, not by device time. */
function limitedChoice(limiter: RateLimiter, proposals: readonly Proposal[]): Proposal | undefined {
  const instances: LimitedInstance[] = [];
  for (const { slot } of proposals) if (slot.limited !== undefined) instances.push(slot.limited);
  return proposals[limiter.choose(instances)];
}

function rowsOf(entries: readonly Entry[]): number {
  let rows = 0;
  for (const entry of entries) rows += entry.rows;
  return rows;
}

const fresh = { origin: 'lane', batch: undefined, notOn: undefined, bisection: undefined } as const;
