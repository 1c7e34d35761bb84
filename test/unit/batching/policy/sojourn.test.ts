import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isStanding, lastShortAt, sojournTargetMs } from '../../../../src/batching/policy/sojourn.ts';

test('a queue is long from five full batches or 50 ms of waiting', () => {
  assert.equal(sojournTargetMs(2), 50);
  assert.equal(sojournTargetMs(20), 100);
});

test('a queue is standing after 100 ms without a short moment', () => {
  let shortAt = lastShortAt(-Infinity, 0, 0, 50);
  shortAt = lastShortAt(shortAt, 80, 60, 50);
  assert.equal(isStanding(shortAt, 100), false);
  assert.equal(isStanding(shortAt, 101), true);
  shortAt = lastShortAt(shortAt, 150, 40, 50);
  assert.equal(isStanding(shortAt, 200), false);
});
