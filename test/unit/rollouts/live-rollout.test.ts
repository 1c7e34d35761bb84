import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noDelta } from '../../../src/rollouts/arm-delta.ts';
import { LiveRollout } from '../../../src/rollouts/live-rollout.ts';
import { readPlan } from '../../../src/rollouts/read-plan.ts';
import type { Told } from '../../../src/rollouts/rollout-store.ts';
import { newState, readStored, storedForm } from '../../../src/rollouts/state.ts';

const plan = readPlan({ model: 'm', stable: 1, candidate: 2 });

function told(at: number, requests: number): Told {
  return { at, deltas: [{ model: 'm', experiment: plan.name, arms: [noDelta, { ...noDelta, requests }] }] };
}

function running(): LiveRollout {
  const entry = { atEpochMs: 0, who: 't', what: 'started', why: '' };
  return new LiveRollout({ ...newState(plan, 0, entry), phase: 'running' });
}

test('what is told again because another rollout has not heard it counts once', () => {
  const live = running();
  live.hear({ leading: true, log: 'a', told: [told(1, 1), told(2, 10), told(3, 100)] }, 0);
  live.hear({ leading: true, log: 'a', told: [told(2, 10), told(3, 100), told(4, 1000)] }, 0);
  assert.equal(live.state.candidateRequests, 1111);
  assert.deepEqual(live.state.heard, { log: 'a', at: 4 });
});

test('another log is heard from its beginning', () => {
  const live = running();
  live.hear({ leading: true, log: 'a', told: [told(7, 1)] }, 0);
  live.hear({ leading: true, log: 'b', told: [told(1, 10)] }, 0);
  assert.equal(live.state.candidateRequests, 11);
});

test('what is told once, as one server tells itself, always counts', () => {
  const live = running();
  for (let look = 0; look < 3; look++) live.hear({ leading: true, log: '', told: [told(0, 1)] }, 0);
  assert.equal(live.state.candidateRequests, 3);
  assert.equal(live.state.heard, undefined);
});

test('evidence and the place up to which it goes are kept as one', () => {
  const live = running();
  live.hear({ leading: true, log: 'a', told: [told(1, 5)] }, 0);
  assert.deepEqual(live.places(), { heard: { log: 'a', at: 1 }, kept: undefined });
  const again = new LiveRollout(readStored(JSON.parse(JSON.stringify(storedForm(live.kept())))));
  assert.deepEqual(again.places(), { heard: { log: 'a', at: 1 }, kept: { log: 'a', at: 1 } });
  again.hear({ leading: true, log: 'a', told: [told(1, 5), told(2, 7)] }, 0);
  assert.equal(again.state.candidateRequests, 12);
});
