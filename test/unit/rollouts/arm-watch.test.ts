import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArmWatch } from '../../../src/rollouts/arm-watch.ts';
import { readPlan } from '../../../src/rollouts/read-plan.ts';
import { newState } from '../../../src/rollouts/state.ts';
import { buildArm } from '../../support/build-rollout.ts';

const entry = { atEpochMs: 0, who: 'a', what: 'started', why: '' };
const guards = { metric: { name: 'accuracy' } };
const state = newState(readPlan({ model: 'm', stable: 1, candidate: 2, guards }), 0, entry);

function canary(requests: number, count = 0) {
  const metrics = { bought: { count, sum: count / 2, squares: count / 4 } };
  return buildArm({ requests, metrics, durations: [requests] });
}

test('counts of all threads are added up, and each is told once', () => {
  const watch = new ArmWatch();
  const deltas = (one: number, other: number) =>
    watch.deltas(
      new Map([
        ['io-0', [canary(one, one)]],
        ['io-1', [canary(other, other)]],
      ]),
      [state],
      () => undefined,
    )[0]?.arms[1];
  assert.equal(deltas(3, 4)?.requests, 7);
  const next = deltas(5, 4);
  assert.deepEqual([next?.requests, next?.durations], [2, [2]]);
  assert.deepEqual(next?.metrics['bought'], { count: 2, sum: 1, squares: 0.5 });
  // A thread that was replaced begins anew.
  assert.equal(deltas(1, 4)?.requests, 1);
});

test('labels are the accuracy of their version: those that come while the rollout runs', () => {
  const watch = new ArmWatch();
  const accuracy = (outcomes: number, errors: number) =>
    watch
      .deltas(new Map(), [state], (_model, version) =>
        version === '2' ? { outcomes, errors } : undefined,
      )[0]
      ?.arms.map(({ metrics }) => metrics['accuracy']?.count ?? 0);
  assert.deepEqual(accuracy(100, 60), [0, 0]);
  assert.deepEqual(accuracy(110, 62), [0, 10]);
  assert.deepEqual(accuracy(110, 62), [0, 0]);
  // The version was loaded again.
  assert.deepEqual(accuracy(4, 1), [0, 4]);
});

test('labels of versions whose rollout does not ask for them are not read', () => {
  const plain = newState(readPlan({ model: 'm', stable: 1, candidate: 2 }), 0, entry);
  const fail = () => assert.fail('labels were read');
  assert.equal(new ArmWatch().deltas(new Map(), [plain], fail).length, 1);
});
