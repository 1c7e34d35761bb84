/** Look-ups that one decision is made from: enough for a hit ratio of a few per cent to show. */
const windowLooks = 4096;

/** After so few it is clear what a look-up costs, and computing, and whether even a hit each time would not pay. */
const firstLooks = 64;
const firstComputed = 8;

/** Requests that pass before a model is tried again; doubled each time that it does not pay, up to the longest. */
const shortestRest = 65_536;
const longestRest = 4_194_304;

/** Half of what hits save has to cover all that looking up and keeping costs. */
const shareOfSaving = 0.5;

const smoothing = 0.05;

/** A look-up during which something else ran must not count for more than this many usual ones. */
const outlierFactor = 4;

/** Decides from measured costs whether a model's requests are worth looking up. Costs are milliseconds. */
export class PayRule {
  lookupMs = 0;
  insertMs = 0;
  computeMs: number;
  /** Of the last whole window; of the current one before that. */
  hitRatio = 0;
  #looks = 0;
  #hits = 0;
  #computed = 0;
  #tried = false;
  #checked = false;
  #restLeft = 0;
  #rest = shortestRest;

  /** @param computeMs what computing is known to cost; 0 for not known. */
  constructor(computeMs: number) {
    this.computeMs = computeMs;
  }

  /** False while requests go past the cache. */
  get pays(): boolean {
    return this.#restLeft === 0;
  }

  /** Asked once for each request. */
  worthLooking(): boolean {
    if (this.#restLeft === 0) return true;
    this.#restLeft -= 1;
    return this.#restLeft === 0;
  }

  /** @param found the part of the request that was found: 1 for a hit, 0 for a miss. */
  looked(costMs: number, found: number): void {
    this.lookupMs = smoothed(this.lookupMs, costMs);
    this.#looks += 1;
    this.#hits += found;
    if (!this.#tried) this.hitRatio = this.#hits / this.#looks;
    if (!this.#checked && this.#looks >= firstLooks && this.#computed >= firstComputed) {
      this.#checked = true;
      if (!this.#couldPay(1)) this.#pause();
    }
    if (this.#looks >= windowLooks) this.#decide();
  }

  /** A request that was looked up in vain has been answered without computing after all. */
  foundElsewhere(): void {
    this.#hits += 1;
  }

  kept(costMs: number): void {
    this.insertMs = smoothed(this.insertMs, costMs);
  }

  computed(costMs: number): void {
    this.#computed += 1;
    // What zeros cost before the model served is worth less than the first real request.
    if (this.#computed <= firstComputed) this.computeMs += (costMs - this.computeMs) / this.#computed;
    else this.computeMs = smoothed(this.computeMs, costMs);
  }

  #decide(): void {
    this.hitRatio = this.#hits / this.#looks;
    this.#tried = true;
    if (!this.#couldPay(this.hitRatio)) {
      this.#pause();
      return;
    }
    this.#rest = shortestRest;
    this.#looks = 0;
    this.#hits = 0;
  }

  #couldPay(hitRatio: number): boolean {
    if (this.computeMs === 0) return true;
    const costMs = this.lookupMs + (1 - hitRatio) * this.insertMs;
    return costMs <= shareOfSaving * hitRatio * this.computeMs;
  }

  #pause(): void {
    this.#restLeft = this.#rest;
    this.#rest = Math.min(longestRest, 2 * this.#rest);
    this.#checked = false;
    this.#looks = 0;
    this.#hits = 0;
  }
}

function smoothed(before: number, ms: number): number {
  if (before === 0) return ms;
  return before + smoothing * (Math.min(ms, before * outlierFactor) - before);
}
