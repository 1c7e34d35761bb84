import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, type Evidence } from '../../../src/rollouts/decide.ts';
import { readPlan } from '../../../src/rollouts/read-plan.ts';
import { newState, type RolloutState } from '../../../src/rollouts/state.ts';
import type { GuardFinding } from '../../../src/rollouts/guards.ts';

const plan = readPlan({ model: 'm', stable: 1, candidate: 2, minutes: 1, samples: 100, steps: [10, 50] });
const entry = { atEpochMs: 0, who: 'a', what: 'started', why: '' };
const running: RolloutState = { ...newState(plan, 0, entry), phase: 'running' };
const done = { stepMs: 60_000, stepCandidate: 100, stepStable: 900 };

function finding(refuted: boolean): GuardFinding {
  const counts = { candidate: { count: 100, sum: 9 }, baseline: { count: 900, sum: 9 } };
  return {
    name: 'errors',
    label: 'canary',
    guard: { kind: 'errors', margin: 0.002 },
    refuted,
    finding: { refuted, pValue: refuted ? 0.001 : 1, eValue: 1, difference: 0.08, ...counts },
  };
}

const calm: Evidence = { findings: [finding(false)], candidateReady: true, broken: 0 };
const absent: Evidence = { ...calm, candidateReady: false };
const harm: Evidence = { ...calm, findings: [finding(true)] };

const cases: readonly (readonly [string, Partial<RolloutState>, Evidence, string, RegExp])[] = [
  ['waits for its candidate', { phase: 'waiting' }, absent, 'hold', /version 2 is not ready/],
  ['begins with its candidate', { phase: 'waiting' }, calm, 'begin', /version 2 is ready/],
  ['stays in a step for its time', { ...done, stepMs: 50_000 }, calm, 'hold', /^10 s left/],
  ['stays in a step for its samples', { ...done, stepCandidate: 99 }, calm, 'hold', /^99 of 100 requests/],
  ['needs samples of the stable version too', { ...done, stepStable: 5 }, calm, 'hold', /^5 of 100/],
  ['goes on to the next step', done, calm, 'advance', /no harm found/],
  ['is complete after the last', { ...done, step: 1 }, calm, 'complete', /no harm found/],
  ['goes back on harm', {}, harm, 'roll_back', /^errors: 9 % of 100 canary .* against 1 % of 900 stable/],
  ['goes back on harm although all else is done', done, harm, 'roll_back', /errors/],
  ['goes back on harm while it is paused', { phase: 'paused' }, harm, 'roll_back', /errors/],
  ['goes back when the breaker opens', done, { ...calm, broken: 1 }, 'roll_back', /breaker/],
  ['does not go on while its candidate is gone', done, absent, 'hold', /not ready/],
  ['does not go on while it is paused', { ...done, phase: 'paused' }, calm, 'hold', /resumes/],
  ['stays over once it is over', { ...done, phase: 'promoted' }, harm, 'hold', /^$/],
];
for (const [title, state, evidence, kind, why] of cases) {
  test(`a rollout ${title}`, () => {
    const decision = decide({ ...running, ...state }, evidence);
    assert.equal(decision.kind, kind);
    assert.match(decision.why, why);
  });
}
