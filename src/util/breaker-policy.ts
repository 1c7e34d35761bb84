/** When a breaker opens, and for how long. Milliseconds, except where a number of outcomes is meant. */
export interface BreakerLimits {
  /** Outcomes older than this are forgotten. */
  readonly windowMs: number;
  /** The newest so many outcomes count. */
  readonly windowOutcomes: number;
  /** Fewer outcomes than this say nothing about a ratio. */
  readonly fewestOutcomes: number;
  /** It opens at this part of failures, 0 to 1. */
  readonly failureRatio: number;
  /** So many fatal failures within the window open it, whatever the ratio. */
  readonly fatalFailures: number;
  /** Before jitter; each opening that follows another within `windowMs` doubles it. */
  readonly openMs: number;
  readonly longestOpenMs: number;
}

/** `fatal`: one that cost more than the work itself, such as a lost thread. `neutral`: says nothing about the guarded thing. */
export type BreakerOutcome = 'success' | 'failure' | 'fatal' | 'neutral';

/** Why it opened: the ratio of failures, fatal ones, something that never answered, or a probe that failed. */
export type BreakerCause = 'failures' | 'losses' | 'hang' | 'probe';

/** `opens`: how often in a row it has opened, without having stayed closed for a window in between. */
export type BreakerState =
  | { readonly kind: 'closed'; readonly since: number; readonly opens: number }
  | {
      readonly kind: 'open';
      readonly until: number;
      readonly opens: number;
      readonly cause: BreakerCause;
    }
  | {
      readonly kind: 'half-open';
      /** A sample is tried first; then one piece of real work is waited for, and its end. */
      readonly step: 'sample' | 'waiting' | 'trial';
      readonly opens: number;
    };

export type BreakerEvent =
  | { readonly kind: 'tripped'; readonly cause: BreakerCause; readonly at: number; readonly random: number }
  | { readonly kind: 'time-is-up' }
  | { readonly kind: 'sample-passed' }
  | { readonly kind: 'trial-began' }
  | { readonly kind: 'trial-undecided' }
  | { readonly kind: 'trial-passed'; readonly at: number };

/** What the window holds. Fatal failures are among the failures. */
export interface OutcomeCounts {
  readonly outcomes: number;
  readonly failures: number;
  readonly fatal: number;
}

/** Why the counted outcomes should open a closed breaker; undefined when they should not. */
export function causeToOpen(
  limits: BreakerLimits,
  { outcomes, failures, fatal }: OutcomeCounts,
): BreakerCause | undefined {
  if (fatal >= limits.fatalFailures) return 'losses';
  if (outcomes < limits.fewestOutcomes || failures < limits.failureRatio * outcomes) return undefined;
  return failures > 0 ? 'failures' : undefined;
}

/**
 * How long to stay open: doubling, with up to half taken off at random, so that breakers that opened together do not probe
 * together.
 *
 * @param random in [0, 1).
 */
export function openMs(limits: BreakerLimits, opens: number, random: number): number {
  const doubled = limits.openMs * 2 ** Math.min(opens - 1, 30);
  return Math.min(doubled, limits.longestOpenMs) * (1 - random / 2);
}

/** The state after an event; the same object when the event means nothing in this state. */
export function nextState(state: BreakerState, event: BreakerEvent, limits: BreakerLimits): BreakerState {
  switch (event.kind) {
    case 'tripped': {
      if (state.kind === 'open') return state;
      const rested = state.kind === 'closed' && event.at - state.since >= limits.windowMs;
      const opens = rested ? 1 : state.opens + 1;
      const until = event.at + openMs(limits, opens, event.random);
      return { kind: 'open', until, opens, cause: event.cause };
    }
    case 'time-is-up':
      return state.kind === 'open' ? halfOpen('sample', state) : state;
    case 'sample-passed':
      return isAt(state, 'sample') ? halfOpen('waiting', state) : state;
    case 'trial-began':
      return isAt(state, 'waiting') ? halfOpen('trial', state) : state;
    case 'trial-undecided':
      return isAt(state, 'trial') ? halfOpen('waiting', state) : state;
    case 'trial-passed':
      break;
  }
  return isAt(state, 'trial') ? { kind: 'closed', since: event.at, opens: state.opens } : state;
}

type HalfOpen = Extract<BreakerState, { kind: 'half-open' }>;

function isAt(state: BreakerState, step: HalfOpen['step']): boolean {
  return state.kind === 'half-open' && state.step === step;
}

function halfOpen(step: HalfOpen['step'], { opens }: BreakerState): HalfOpen {
  return { kind: 'half-open', step, opens };
}
