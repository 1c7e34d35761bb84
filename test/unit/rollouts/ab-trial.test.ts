import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookAt, newTrial, observeTrial, type TrialState } from '../../../src/rollouts/ab-trial.ts';
import { noDelta, type ArmDelta } from '../../../src/rollouts/arm-delta.ts';
import { readPlan } from '../../../src/rollouts/read-plan.ts';
import { newState, readStored, storedForm, type RolloutState } from '../../../src/rollouts/state.ts';
import { judgeTrial } from '../../../src/rollouts/trial-words.ts';
import { verdictOf } from '../../../src/rollouts/verdict.ts';
import { sumsOfSuccesses } from '../../../src/statistics/value-sums.ts';

const goal = { metric: 'bought' };

function planOf(overrides: object = {}) {
  return readPlan({
    model: 'm',
    stable: 1,
    candidate: 2,
    strategy: 'ab',
    samples: 1000,
    minutes: 0,
    goal,
    ...overrides,
  });
}

function bought(successes: number, count: number): ArmDelta {
  return { ...noDelta, requests: count, metrics: { bought: sumsOfSuccesses(successes, count) } };
}

/** After so many buyers of so many on each side. */
function trialOf(
  plan: ReturnType<typeof planOf>,
  stable: number,
  candidate: number,
  count: number,
): TrialState {
  const { design } = plan;
  assert.ok(plan.goal !== undefined && design !== undefined);
  const parts = { goal: plan.goal, design };
  return lookAt(observeTrial(newTrial, parts, bought(stable, count), bought(candidate, count)), design);
}

test('looks are taken at the planned parts, and an early one needs overwhelming evidence', () => {
  const plan = planOf();
  assert.equal(trialOf(plan, 10, 30, 199).look, undefined);
  // z = 3.3: more than enough for one look, but not for the first of five.
  const early = trialOf(plan, 10, 30, 200);
  assert.deepEqual([early.look?.number, early.look?.outcome, early.over], [1, 'open', false]);
  assert.ok((early.look?.pValue ?? 1) < 0.01);
  const sure = trialOf(plan, 10, 80, 200);
  assert.deepEqual([sure.look?.outcome, sure.over], ['better', true]);
});

test('the last look ends it, whatever it finds', () => {
  const plan = planOf();
  assert.deepEqual(
    [trialOf(plan, 100, 104, 1000).look?.outcome, trialOf(plan, 100, 104, 1000).over],
    ['open', true],
  );
  assert.equal(trialOf(plan, 100, 140, 1000).look?.outcome, 'better');
  assert.equal(trialOf(plan, 140, 100, 1000).look?.outcome, 'worse');
});

test('a test goes on in the next process exactly where it was', () => {
  const entry = { atEpochMs: 0, who: 'a', what: 'began', why: '' };
  const plan = planOf();
  for (const trial of [newTrial, trialOf(plan, 30, 50, 700), trialOf(plan, 100, 140, 1000)]) {
    const state: RolloutState = { ...newState(plan, 3, entry), phase: 'running', trial };
    const again = readStored(JSON.parse(JSON.stringify(storedForm(state))));
    assert.deepEqual(again.trial, trial);
    assert.deepEqual([again.revision, again.phase, again.plan.design], [3, 'running', plan.design]);
  }
});

test('that nobody bought anything is not certainty', () => {
  const { look } = trialOf(planOf(), 0, 0, 1000);
  assert.ok(look !== undefined && look.low < -0.001 && look.high > 0.001, JSON.stringify(look));
  assert.equal(trialOf(planOf(), 0, 60, 1000).look?.outcome, 'better');
});

test('what comes after the end does not count', () => {
  const plan = planOf();
  const { design } = plan;
  assert.ok(plan.goal !== undefined && design !== undefined);
  const over = trialOf(plan, 100, 104, 1000);
  assert.equal(observeTrial(over, { goal: plan.goal, design }, bought(0, 500), bought(500, 500)), over);
});

test('where less is better, more is worse', () => {
  const plan = planOf({ goal: { metric: 'bought', better: 'lower' } });
  assert.equal(trialOf(plan, 100, 140, 1000).look?.outcome, 'worse');
});

test('looks that are always allowed end it as soon as the evidence is there', () => {
  const plan = planOf({ samples: undefined, design: { baseline: 0.1, effect: 0.05, looks: 'always' } });
  assert.equal(trialOf(plan, 30, 40, 300).over, false);
  assert.deepEqual(
    [trialOf(plan, 30, 90, 300).look?.outcome, trialOf(plan, 30, 90, 300).over],
    ['better', true],
  );
});

test('arms that did not get their parts decide nothing', () => {
  const plan = planOf();
  const trial = trialOf(plan, 100, 140, 1000);
  const entry = { atEpochMs: 0, who: 'a', what: 'started', why: '' };
  const state = { ...newState(plan, 0, entry), stepCandidate: 1000, stepStable: 1300, trial };
  const verdict = judgeTrial(state, trial);
  assert.equal(verdict.decision, 'invalid');
  assert.match(verdict.cautions.join('\n'), /^Sample-ratio mismatch: b got 43.48 % instead of 50 %/);
  assert.equal(judgeTrial({ ...state, stepStable: 1010 }, trial).decision, 'better');
});

test('a verdict says what was tested and found, what to do, and what could be wrong', () => {
  const plan = planOf({ key: ['principal'] });
  const trial = trialOf(plan, 40, 90, 400);
  const entry = { atEpochMs: 0, who: 'a', what: 'completed', why: '' };
  const words = verdictOf({ ...newState(plan, 0, entry), phase: 'finished', trial }, []).join('\n');
  assert.match(words, /^Tested: The bought of version 2 \(b\) against that of version 1 \(a\)/);
  assert.match(words, /z-test with 5 looks of O'Brien and Fleming, valid at the planned looks, alpha 0.05/);
  assert.match(words, /Found: .* \+0.125 \(95 % interval \+0.0\d+ to \+0.\d+/);
  assert.match(words, /To do: Promote version 2 \(b\)\. The stable version serves everybody until promote/);
  assert.match(words, /Mind: Novelty: 0 minutes are less than a week/);
  assert.match(words, /Mind: Stopped early/);
  assert.match(words, /Mind: Users: /);
});

test('an open test that has not seen enough says so', () => {
  const plan = planOf();
  const trial = trialOf(plan, 40, 50, 400);
  const entry = { atEpochMs: 0, who: 'a', what: 'began', why: '' };
  const words = verdictOf({ ...newState(plan, 0, entry), phase: 'running', trial }, []).join('\n');
  assert.match(words, /To do: nothing; it ends by itself/);
  assert.match(words, /Mind: Underpowered: 400 of 1000 planned/);
});
