import type { InferResponse } from '../inference/response.ts';
import type { Settlement } from './entry.ts';

interface Turn {
  readonly inner: Settlement;
  outcome: (() => void) | undefined;
}

/** Holds answers back until all earlier requests have theirs: Triton's preserve_ordering. */
export class InOrder {
  readonly #turns: Turn[] = [];
  #first = 0;

  /** Takes the next place in the order and returns what to settle it with. */
  enter(inner: Settlement): Settlement {
    const turn: Turn = { inner, outcome: undefined };
    this.#turns.push(turn);
    return {
      resolve: (response: InferResponse) => this.#settle(turn, () => inner.resolve(response)),
      reject: (error: unknown) => this.#settle(turn, () => inner.reject(error)),
    };
  }

  #settle(turn: Turn, outcome: () => void): void {
    turn.outcome = outcome;
    for (;;) {
      const next = this.#turns[this.#first];
      if (next?.outcome === undefined) break;
      next.outcome();
      this.#first += 1;
    }
    if (this.#first > 64 && this.#first * 2 > this.#turns.length) {
      this.#turns.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
