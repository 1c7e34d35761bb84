import {
  causeToOpen,
  nextState,
  type BreakerCause,
  type BreakerEvent,
  type BreakerLimits,
  type BreakerOutcome,
  type BreakerState,
} from './breaker-policy.ts';
import type { Clock } from './clock.ts';
import { OutcomeWindow } from './outcome-window.ts';

export interface BreakerOptions {
  readonly clock: Clock;
  readonly limits: BreakerLimits;
  /** In [0, 1); for the jitter of open times. */
  readonly random?: () => number;
  /** A harmless try, before real work may be the next one; resolves with false when it failed. Left out: none. */
  readonly sample?: (() => Promise<boolean>) | undefined;
  /** Told after each change of state, and of steps within half-open. */
  readonly onChange?: (state: BreakerState) => void;
}

/**
 * Keeps work away from something that fails by itself, and lets one piece of work at a time find out whether it works again.
 *
 * Whoever guards something asks `refusing` before each piece of work, calls `begin` when it starts and `end` with its outcome.
 */
export class Breaker implements Disposable {
  /** No work may begin now. */
  refusing = false;
  /** How often it has opened. */
  opened = 0;
  readonly #options: BreakerOptions;
  readonly #window: OutcomeWindow;
  #state: BreakerState;
  /** Changes with every opening, probing and closing: what began before says nothing about what is now. */
  #era = 0;
  #timer: Disposable | undefined = undefined;

  constructor(options: BreakerOptions) {
    const { windowOutcomes, windowMs } = options.limits;
    this.#options = options;
    this.#window = new OutcomeWindow(windowOutcomes, windowMs);
    this.#state = { kind: 'closed', since: -Infinity, opens: 0 };
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** A piece of work starts. @returns what `end` wants to know of it. */
  begin(): number {
    if (this.#state.kind !== 'closed') this.#apply({ kind: 'trial-began' });
    return this.#era;
  }

  /** A piece of work has ended. Must be called for each that began: a trial that never ends keeps the breaker half-open. */
  end(begun: number, outcome: BreakerOutcome): void {
    if (begun !== this.#era) return;
    const { clock, limits } = this.#options;
    if (this.#state.kind === 'half-open') {
      if (outcome === 'success') this.#apply({ kind: 'trial-passed', at: clock.now() });
      else if (outcome === 'neutral') this.#apply({ kind: 'trial-undecided' });
      else this.trip('probe');
      return;
    }
    if (outcome === 'neutral' || this.#state.kind !== 'closed') return;
    this.#window.add(outcome, clock.now());
    if (outcome === 'success') return;
    const cause = causeToOpen(limits, this.#window);
    if (cause !== undefined) this.trip(cause);
  }

  /** Opens it at once; does nothing when it is open. */
  trip(cause: BreakerCause): void {
    const { clock, random = Math.random } = this.#options;
    this.#apply({ kind: 'tripped', cause, at: clock.now(), random: random() });
  }

  /** Ends the open time early: there is a reason to believe that it works again. */
  probe(): void {
    this.#apply({ kind: 'time-is-up' });
  }

  /** When it is worth to ask again, at least a millisecond; for whoever is refused. */
  retryAfterMs(): number {
    const { clock, limits } = this.#options;
    if (this.#state.kind === 'open') return Math.max(1, Math.ceil(this.#state.until - clock.now()));
    // A probe is under way, and takes as long as work takes.
    return Math.max(1, Math.ceil(limits.openMs / 10));
  }

  [Symbol.dispose](): void {
    this.#era += 1;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #apply(event: BreakerEvent): void {
    const before = this.#state;
    const { limits, clock, onChange } = this.#options;
    const state = nextState(before, event, limits);
    if (state === before) return;
    this.#state = state;
    this.refusing = state.kind === 'open' || (state.kind === 'half-open' && state.step !== 'waiting');
    if (state.kind !== before.kind) {
      this.#era += 1;
      this.#timer?.[Symbol.dispose]();
      this.#timer = undefined;
      this.#window.clear();
    }
    if (state.kind === 'open') {
      this.opened += 1;
      this.#timer = clock.after(state.until - clock.now(), () => this.probe());
    }
    const era = this.#era;
    onChange?.(state);
    if (state.kind === 'half-open' && state.step === 'sample' && era === this.#era) void this.#trySample(era);
  }

  async #trySample(era: number): Promise<void> {
    let passed = true;
    try {
      passed = (await this.#options.sample?.()) ?? true;
    } catch {
      passed = false;
    }
    if (era !== this.#era) return;
    if (passed) this.#apply({ kind: 'sample-passed' });
    else this.trip('probe');
  }
}
