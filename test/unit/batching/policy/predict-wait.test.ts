import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  arrivesTooLate,
  predictAnswerMs,
  rowsAheadFairly,
} from '../../../../src/batching/policy/predict-wait.ts';

const idle = { soonFreeMs: 0, batchesAhead: 0, fullBatchMs: 10, otherWorkMs: 0, ownBatchMs: 4, executors: 1 };

for (const { name, given, answerMs } of [
  { name: 'alone', given: {}, answerMs: 4 },
  { name: 'behind a running batch', given: { soonFreeMs: 3 }, answerMs: 7 },
  { name: 'behind full batches', given: { soonFreeMs: 3, batchesAhead: 2 }, answerMs: 27 },
  { name: 'behind full batches on two executors', given: { batchesAhead: 2, executors: 2 }, answerMs: 14 },
  { name: 'behind other shapes', given: { otherWorkMs: 6 }, answerMs: 10 },
]) {
  test(`a request ${name} is answered after ${answerMs} ms`, () => {
    assert.equal(predictAnswerMs({ ...idle, ...given }), answerMs);
  });
}

test('as much more than predicted as the margin says must still be in time', () => {
  assert.equal(arrivesTooLate(45, 50, 1.1), false);
  assert.equal(arrivesTooLate(46, 50, 1.1), true);
  assert.equal(arrivesTooLate(45, 50, 1.2), true);
});

test('a principal waits for its own rows and the others’ share, not for all that they have queued', () => {
  assert.equal(rowsAheadFairly(1_000, 0, 1, 2), 1);
  assert.equal(rowsAheadFairly(1_000, 10, 1, 2), 21);
  assert.equal(rowsAheadFairly(1_000, 10, 4, 5), 14);
  assert.equal(rowsAheadFairly(15, 10, 1, 2), 15);
  assert.equal(rowsAheadFairly(10, 10, 1, 1), 10);
});
