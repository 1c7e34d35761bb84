import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  causeToOpen,
  nextState,
  openMs,
  type BreakerEvent,
  type BreakerLimits,
  type BreakerState,
} from '../../../src/util/breaker-policy.ts';

const limits: BreakerLimits = {
  windowMs: 30_000,
  windowOutcomes: 100,
  fewestOutcomes: 20,
  failureRatio: 0.5,
  fatalFailures: 3,
  openMs: 5_000,
  longestOpenMs: 60_000,
};

const verdicts: readonly [outcomes: number, failures: number, fatal: number, cause: string | undefined][] = [
  [0, 0, 0, undefined],
  [19, 19, 0, undefined],
  [20, 9, 0, undefined],
  [20, 10, 0, 'failures'],
  [100, 49, 2, undefined],
  [100, 50, 2, 'failures'],
  [2, 2, 2, undefined],
  [3, 3, 3, 'losses'],
  [100, 3, 3, 'losses'],
];

for (const [outcomes, failures, fatal, cause] of verdicts) {
  test(`${failures} failures of ${outcomes}, ${fatal} of them fatal, give ${cause ?? 'no cause'} to open`, () => {
    assert.equal(causeToOpen(limits, { outcomes, failures, fatal }), cause);
  });
}

const opens: readonly [opens: number, random: number, ms: number][] = [
  [1, 0, 5_000],
  [1, 0.75, 3_125],
  [2, 0, 10_000],
  [4, 0, 40_000],
  [5, 0, 60_000],
  [10_000, 0.5, 45_000],
];

for (const [count, random, ms] of opens) {
  test(`opening ${count} in a row lasts ${ms} ms with jitter ${random}`, () => {
    assert.equal(openMs(limits, count, random), ms);
  });
}

const closed: BreakerState = { kind: 'closed', since: 0, opens: 0 };
const open: BreakerState = { kind: 'open', until: 5_000, opens: 1, cause: 'failures' };
const sampling: BreakerState = { kind: 'half-open', step: 'sample', opens: 1 };
const waiting: BreakerState = { kind: 'half-open', step: 'waiting', opens: 1 };
const trial: BreakerState = { kind: 'half-open', step: 'trial', opens: 1 };
const tripped: BreakerEvent = { kind: 'tripped', cause: 'hang', at: 40_000, random: 0 };
const passed: BreakerEvent = { kind: 'trial-passed', at: 7_000 };
const reopened: BreakerState = { kind: 'open', until: 50_000, opens: 2, cause: 'hang' };

const moves: readonly [state: BreakerState, event: BreakerEvent, next: BreakerState][] = [
  [closed, tripped, { kind: 'open', until: 45_000, opens: 1, cause: 'hang' }],
  [
    { kind: 'closed', since: 39_000, opens: 3 },
    tripped,
    { kind: 'open', until: 80_000, opens: 4, cause: 'hang' },
  ],
  [
    { kind: 'closed', since: 10_000, opens: 3 },
    tripped,
    { kind: 'open', until: 45_000, opens: 1, cause: 'hang' },
  ],
  [open, { kind: 'time-is-up' }, sampling],
  [sampling, { kind: 'sample-passed' }, waiting],
  [waiting, { kind: 'trial-began' }, trial],
  [trial, { kind: 'trial-undecided' }, waiting],
  [trial, passed, { kind: 'closed', since: 7_000, opens: 1 }],
  [sampling, tripped, reopened],
  [waiting, tripped, reopened],
  [trial, tripped, reopened],
];

const events: readonly BreakerEvent[] = [
  tripped,
  { kind: 'time-is-up' },
  { kind: 'sample-passed' },
  { kind: 'trial-began' },
  { kind: 'trial-undecided' },
  passed,
];

for (const state of [closed, open, sampling, waiting, trial]) {
  for (const event of events) {
    const move = moves.find(([from, by]) => from === state && by.kind === event.kind);
    const where = state.kind === 'half-open' ? state.step : state.kind;
    test(`${event.kind} ${move === undefined ? 'means nothing' : 'moves on'} when ${where}`, () => {
      assert.deepEqual(nextState(state, event, limits), move?.[2] ?? state);
      if (move === undefined) assert.equal(nextState(state, event, limits), state);
    });
  }
}

test('only a window of rest lets the open time begin anew', () => {
  for (const [from, by, to] of moves.slice(1, 3)) assert.deepEqual(nextState(from, by, limits), to);
});

const anyEvent: fc.Arbitrary<BreakerEvent> = fc.oneof(
  fc.record({
    kind: fc.constant('tripped' as const),
    cause: fc.constantFrom('failures' as const, 'losses' as const, 'hang' as const, 'probe' as const),
    at: fc.nat(1_000_000),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  }),
  fc.constantFrom<BreakerEvent>(...events.slice(1, 5)),
  fc.record({ kind: fc.constant('trial-passed' as const), at: fc.nat(1_000_000) }),
);

test('whatever happens, it closes only by a trial, tries only after a sample, and never stays open longer than allowed', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (sequence) => {
      let state: BreakerState = closed;
      for (const event of sequence) {
        const next = nextState(state, event, limits);
        if (next.kind === 'closed' && state.kind !== 'closed') {
          assert.equal(state.kind === 'half-open' && state.step, 'trial');
        }
        if (next.kind === 'half-open' && state.kind === 'open') assert.equal(next.step, 'sample');
        if (next.kind === 'open' && state.kind !== 'open') {
          assert.equal(event.kind, 'tripped');
          const forMs = next.until - (event.kind === 'tripped' ? event.at : Number.NaN);
          assert.ok(forMs >= limits.openMs / 2 && forMs <= limits.longestOpenMs);
        }
        state = next;
      }
    }),
  );
});
