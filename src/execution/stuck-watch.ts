import type { Clock } from '../util/clock.ts';

/** A run that will not end. Its thread cannot be ended from outside without aborting the process: leave by SIGKILL. */
export interface StuckRun {
  readonly model: string;
  readonly runningMs: number;
  /** True when the model was being unloaded and the thread is now left behind. */
  readonly abandoned: boolean;
}

/**
 * Notices runs that take longer than `limitMs`. One timer per `limitMs` at most, not one per run, so a run is noticed
 * between one and two limits after its start.
 */
export class StuckWatch implements Disposable {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #onStuck: (runningMs: number) => void;
  #startedAt: number | undefined = undefined;
  #timer: Disposable | undefined = undefined;

  constructor(clock: Clock, limitMs: number, onStuck: (runningMs: number) => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#onStuck = onStuck;
  }

  started(): void {
    this.#startedAt = this.#clock.now();
    this.#timer ??= this.#clock.after(this.#limitMs, () => this.#look());
  }

  ended(): void {
    this.#startedAt = undefined;
  }

  /** How long the present run has taken; 0 when none runs. */
  get runningMs(): number {
    return this.#startedAt === undefined ? 0 : this.#clock.now() - this.#startedAt;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#startedAt = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#startedAt === undefined) return;
    if (this.runningMs >= this.#limitMs) this.#onStuck(this.runningMs);
    this.#timer = this.#clock.after(this.#limitMs, () => this.#look());
  }
}
