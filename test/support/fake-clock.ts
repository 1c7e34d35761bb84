import type { Clock } from '../../src/util/clock.ts';

interface FakeTimer {
  readonly due: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that stands still until the test moves it. Timers fire in the order they are due, ties in the order set. */
export class FakeClock implements Clock {
  #now: number;
  #order = 0;
  #timers: FakeTimer[] = [];

  constructor(startMs = 0) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  epochMs(): number {
    return 1_700_000_000_000 + this.#now;
  }

  after(delayMs: number, run: () => void): Disposable {
    const timer = { due: this.#now + Math.max(0, delayMs), order: this.#order++, run };
    let at = this.#timers.length;
    while (at > 0 && this.#timers[at - 1]!.due > timer.due) at -= 1;
    this.#timers.splice(at, 0, timer);
    return {
      [Symbol.dispose]: () => {
        const index = this.#timers.indexOf(timer);
        if (index >= 0) this.#timers.splice(index, 1);
      },
    };
  }

  /** Timers that wait to fire. */
  get pending(): number {
    return this.#timers.length;
  }

  /** When the next timer fires; Infinity when none waits. */
  get nextDue(): number {
    return this.#timers[0]?.due ?? Infinity;
  }

  /** Moves time on and fires what comes due, without letting promises run in between. */
  advance(byMs: number): void {
    const end = this.#now + byMs;
    while (this.#fireNext(end));
    this.#now = end;
  }

  /** As `advance`, but after each timer lets every promise that can settle do so. */
  async advanceSettling(byMs: number): Promise<void> {
    const end = this.#now + byMs;
    await settled();
    while (this.#fireNext(end)) await settled();
    this.#now = end;
  }

  /** Time goes on, and nothing runs: timers that come due meanwhile fire late, with the next `advance`. */
  standStill(forMs: number): void {
    this.#now += forMs;
  }

  #fireNext(end: number): boolean {
    const timer = this.#timers[0];
    if (timer === undefined || timer.due > end) return false;
    this.#timers.shift();
    this.#now = Math.max(this.#now, timer.due);
    timer.run();
    return true;
  }
}

/** Resolves when all promise reactions and immediates that were due have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}
