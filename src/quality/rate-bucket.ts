/** Lets so many of something through in a second, and at once what a second has room for. Times are milliseconds of one clock. */
export class RateBucket {
  readonly #perSecond: number;
  #left = 0;
  #filledAt: number;
  #roomAt: number;

  /** @param perSecond 0 lets nothing through. */
  constructor(nowMs: number, perSecond: number) {
    this.#perSecond = perSecond;
    this.#filledAt = nowMs;
    this.#roomAt = this.#nextRoom();
  }

  /** When there is room for one; Infinity for never. */
  get roomAt(): number {
    return this.#roomAt;
  }

  /** How many of `wanted` may pass now. */
  take(wanted: number, nowMs: number): number {
    if (nowMs < this.#roomAt) return 0;
    const earned = ((nowMs - this.#filledAt) / 1000) * this.#perSecond;
    this.#left = Math.min(this.#left + Math.max(earned, 0), Math.max(this.#perSecond, 1));
    this.#filledAt = Math.max(nowMs, this.#filledAt);
    const taken = Math.min(wanted, Math.floor(this.#left));
    this.#left -= taken;
    this.#roomAt = this.#nextRoom();
    return taken;
  }

  #nextRoom(): number {
    if (this.#perSecond === 0) return Infinity;
    return this.#left >= 1 ? -Infinity : this.#filledAt + ((1 - this.#left) / this.#perSecond) * 1000;
  }
}
