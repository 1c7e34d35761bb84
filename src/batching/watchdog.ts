import type { Clock } from '../util/clock.ts';
import type { Occupation, Slot } from './slot.ts';
import type { TargetQueue } from './target-queue.ts';

/** When a run is taken never to end. */
export interface HangLimits {
  /** However little such batches cost: pauses of the machine and of other models are no hangs. 0: never. */
  readonly leastMs: number;
  /** Times what its rows cost one by one, as learned. */
  readonly factor: number;
  /** Where no cost is learned, as for the first run of a new session. */
  readonly unlearnedMs: number;
}

/** As long as warming up waits for a run with zeros, where nothing is learned. */
export const defaultHangLimits: HangLimits = { leastMs: 10_000, factor: 20, unlearnedMs: 120_000 };

export interface WatchdogOptions {
  readonly clock: Clock;
  readonly limits: HangLimits;
  readonly queues: () => Iterable<TargetQueue>;
  readonly onHung: (queue: TargetQueue, slot: Slot, runningMs: number) => void;
}

/**
 * Notices runs on executor threads that take far longer than such batches cost. One timer for all of them, and none while
 * nothing runs; a hang is noticed within a quarter of `leastMs` after its time.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #periodMs: number;
  #timer: Disposable | undefined = undefined;
  #dueAt = 0;
  #waitsAgain = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#periodMs = options.limits.leastMs / 4;
  }

  /** A batch has started on a thread. */
  started(): void {
    if (this.#timer === undefined && this.#periodMs > 0) this.#wait();
  }

  /** No batch runs on a thread any more. */
  rest(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #wait(): void {
    const { clock } = this.#options;
    this.#dueAt = clock.now() + this.#periodMs;
    this.#timer = clock.after(this.#periodMs, () => this.#look());
  }

  /** A machine that stood still ran nothing meanwhile, and what has ended since may not have been told yet. */
  #stoodStill(nowMs: number): boolean {
    // Once only: a thread that is always late must see hangs as well.
    this.#waitsAgain = !this.#waitsAgain && nowMs - this.#dueAt > this.#periodMs;
    return this.#waitsAgain;
  }

  #look(): void {
    const { clock, queues, onHung } = this.#options;
    this.#timer = undefined;
    const nowMs = clock.now();
    if (this.#stoodStill(nowMs)) {
      this.#wait();
      return;
    }
    const hung: { readonly queue: TargetQueue; readonly slot: Slot; readonly runningMs: number }[] = [];
    let watched = 0;
    for (const queue of queues()) {
      for (const slot of queue.slots) {
        if (slot.current === undefined || slot.executor.unwatched === true) continue;
        const runningMs = nowMs - slot.current.startedAt;
        if (runningMs >= this.#limitMs(slot, slot.current)) hung.push({ queue, slot, runningMs });
        else watched += 1;
      }
    }
    for (const { queue, slot, runningMs } of hung) onHung(queue, slot, runningMs);
    if (watched > 0) this.started();
  }

  #limitMs(slot: Slot, { dearestMs }: Occupation): number {
    const { leastMs, factor, unlearnedMs } = this.#options.limits;
    const limitMs = slot.proven && dearestMs > 0 ? factor * dearestMs : unlearnedMs;
    return Math.max(leastMs, limitMs);
  }
}
