import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeptArms } from '../../../src/routing/kept-arms.ts';

test('a request gives its arm once for each metric, to whoever it was', () => {
  const kept = new KeptArms();
  kept.keep('ann', 'r1', 'canary');
  assert.deepEqual(kept.claim('ann', 'r1', 'bought'), { arm: 'canary' });
  assert.equal(kept.claim('ann', 'r1', 'bought'), 'repeated');
  assert.deepEqual(kept.claim('ann', 'r1', 'rated'), { arm: 'canary' });
  assert.equal(kept.claim('bob', 'r1', 'bought'), 'unknown');
  assert.equal(kept.claim('ann', 'r2', 'bought'), 'unknown');
});

test('the oldest make room, and the newest of equal ids counts', () => {
  const kept = new KeptArms(3);
  for (const [id, arm] of [
    ['a', 'old'],
    ['b', 'x'],
    ['a', 'new'],
    ['c', 'x'],
  ] as const) {
    kept.keep('ann', id, arm);
  }
  assert.deepEqual(kept.claim('ann', 'a', 'm'), { arm: 'new' });
  kept.keep('ann', 'd', 'x');
  assert.equal(kept.claim('ann', 'b', 'm'), 'unknown');
  kept.keep('ann', 'e', 'x');
  assert.equal(kept.claim('ann', 'a', 'other'), 'unknown');
});

test('ids that are too long are not kept', () => {
  const kept = new KeptArms();
  kept.keep('ann', 'x'.repeat(257), 'canary');
  assert.equal(kept.claim('ann', 'x'.repeat(257), 'm'), 'unknown');
});
