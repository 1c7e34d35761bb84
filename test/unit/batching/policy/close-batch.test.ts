import assert from 'node:assert/strict';
import { test } from 'node:test';

import { closeBatch } from '../../../../src/batching/policy/close-batch.ts';

const lane = { rows: 5, oldestQueuedAt: 100, fullRows: 8, preferredSizes: [], maxDelayMs: 0 };

for (const { name, given, now, decision } of [
  {
    name: 'takes all without a delay',
    given: {},
    now: 100,
    decision: { kind: 'close', rows: 5, reason: 'slot_free' },
  },
  {
    name: 'is full at the knee',
    given: { rows: 9 },
    now: 100,
    decision: { kind: 'close', rows: 8, reason: 'full' },
  },
  {
    name: 'waits for company up to the delay of the oldest',
    given: { maxDelayMs: 10 },
    now: 104,
    decision: { kind: 'wait', untilMs: 110 },
  },
  {
    name: 'goes when the oldest has waited long enough',
    given: { maxDelayMs: 10, preferredSizes: [4] },
    now: 110,
    decision: { kind: 'close', rows: 5, reason: 'delay' },
  },
  {
    name: 'goes at the largest preferred size reached and leaves the rest',
    given: { maxDelayMs: 10, preferredSizes: [2, 4, 6] },
    now: 104,
    decision: { kind: 'close', rows: 4, reason: 'preferred_size' },
  },
  {
    name: 'waits below the smallest preferred size',
    given: { maxDelayMs: 10, preferredSizes: [6] },
    now: 104,
    decision: { kind: 'wait', untilMs: 110 },
  },
]) {
  test(`a batch ${name}`, () => {
    assert.deepEqual(closeBatch({ ...lane, ...given }, now), decision);
  });
}
