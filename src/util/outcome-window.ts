import type { BreakerOutcome, OutcomeCounts } from './breaker-policy.ts';

const success = 0;
const failure = 1;
const fatal = 2;

/** The newest outcomes, at most so many and so old. Adding one allocates nothing. */
export class OutcomeWindow implements OutcomeCounts {
  outcomes = 0;
  failures = 0;
  fatal = 0;
  readonly #windowMs: number;
  readonly #times: Float64Array;
  readonly #kinds: Uint8Array;
  /** Where the oldest is. */
  #first = 0;

  /** @param size outcomes, at least 1. */
  constructor(size: number, windowMs: number) {
    this.#windowMs = windowMs;
    this.#times = new Float64Array(size);
    this.#kinds = new Uint8Array(size);
  }

  add(outcome: Exclude<BreakerOutcome, 'neutral'>, nowMs: number): void {
    const size = this.#times.length;
    if (this.outcomes === size) this.#dropOldest();
    const at = (this.#first + this.outcomes) % size;
    const kind = outcome === 'success' ? success : outcome === 'fatal' ? fatal : failure;
    this.#times[at] = nowMs;
    this.#kinds[at] = kind;
    this.#count(kind, 1);
    while ((this.#times[this.#first] ?? nowMs) < nowMs - this.#windowMs) this.#dropOldest();
  }

  clear(): void {
    this.outcomes = 0;
    this.failures = 0;
    this.fatal = 0;
  }

  #dropOldest(): void {
    this.#count(this.#kinds[this.#first] ?? success, -1);
    this.#first = (this.#first + 1) % this.#times.length;
  }

  #count(kind: number, by: 1 | -1): void {
    this.outcomes += by;
    if (kind !== success) this.failures += by;
    if (kind === fatal) this.fatal += by;
  }
}
