/** Runs beyond the first are bought with successes: one in ten, saved up to ten. */
const earnedPerSuccess = 0.1;
const most = 10;

/** Keeps second tries (after a crash, or to find a guilty request) a fraction of the work, so that they cannot pile up. */
export class RetryBudget {
  #tokens = most;

  earn(): void {
    this.#tokens = Math.min(most, this.#tokens + earnedPerSuccess);
  }

  /** @returns false when nothing is left. */
  spend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
