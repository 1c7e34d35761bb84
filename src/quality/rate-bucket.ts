import type { Clock } from '../util/clock.ts';

/** Lets so many of something through in a second, and at once what a second has room for. */
export class RateBucket {
  readonly #clock: Clock;
  readonly #perSecond: number;
  #left = 0;
  #filledAt: number;

  /** @param perSecond 0 lets nothing through. */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#filledAt = clock.now();
  }

  /** How many of `wanted` may pass now. */
  take(wanted: number): number {
    if (this.#perSecond === 0 || wanted === 0) return 0;
    const now = this.#clock.now();
    const earned = ((now - this.#filledAt) / 1000) * this.#perSecond;
    this.#left = Math.min(this.#left + earned, Math.max(this.#perSecond, 1));
    this.#filledAt = now;
    const taken = Math.min(wanted, Math.floor(this.#left));
    this.#left -= taken;
    return taken;
  }
}
