import type { Clock } from '../util/clock.ts';

/** One timer for the earliest of all moments asked for. */
export class Alarm implements Disposable {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #dueAt = Infinity;
  #timer: Disposable | undefined;

  /** @param ring Called at (or shortly after) the earliest moment; asks again for what is still to come. */
  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Asks to be woken at a moment; Infinity is none. Costs a timer only when it is earlier than all before. */
  at(dueAt: number): void {
    if (dueAt >= this.#dueAt) return;
    this.#timer?.[Symbol.dispose]();
    this.#dueAt = dueAt;
    this.#timer = this.#clock.after(Math.max(0, dueAt - this.#clock.now()), () => {
      this.#dueAt = Infinity;
      this.#timer = undefined;
      this.#ring();
    });
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#dueAt = Infinity;
  }
}
