/** So many a second, and as many at once. */
export class Allowance {
  readonly #perSecond: number;
  #left: number;
  #at = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
  }

  /** @param nowMs of a clock that does not go back. */
  take(nowMs: number): boolean {
    const earned = ((nowMs - this.#at) * this.#perSecond) / 1000;
    this.#at = nowMs;
    this.#left = Math.min(this.#perSecond, this.#left + earned);
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
