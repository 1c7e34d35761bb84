import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBudget } from '../../../src/admission/byte-budget.ts';

const kib = 1024;

test('bytes are taken until the limit is reached, and can be taken again once given back', () => {
  const budget = new ByteBudget({ limitBytes: 10 * kib });
  assert.equal(budget.take(6 * kib), true);
  assert.equal(budget.take(5 * kib), false);
  assert.equal(budget.heldBytes, 6 * kib);
  assert.equal(budget.take(4 * kib), true);
  budget.release(6 * kib);
  assert.equal(budget.take(5 * kib), true);
  assert.equal(budget.heldBytes, 9 * kib);
});

test('a small request counts as a KiB, an empty one as nothing', () => {
  const budget = new ByteBudget({ limitBytes: 2 * kib });
  assert.equal(budget.take(1), true);
  assert.equal(budget.heldBytes, kib);
  assert.equal(budget.take(0), true);
  assert.equal(budget.heldBytes, kib);
  assert.equal(budget.take(kib + 1), false);
});

test('threads that share the memory share the budget', () => {
  const one = new ByteBudget({ limitBytes: 4 * kib });
  const other = new ByteBudget({ limitBytes: 4 * kib, memory: one.memory });
  assert.equal(one.take(3 * kib), true);
  assert.equal(other.take(2 * kib), false);
  other.release(3 * kib);
  assert.equal(one.heldBytes, 0);
});

test('what could never be held is told apart from what has no room now', () => {
  const budget = new ByteBudget({ limitBytes: 4 * kib });
  budget.take(4 * kib);
  assert.equal(budget.couldHold(4 * kib), true);
  assert.equal(budget.couldHold(5 * kib), false);
});

test('a limit beyond what the count can hold is lowered instead of overflowing', () => {
  const budget = new ByteBudget({ limitBytes: 2 ** 50 });
  assert.equal(budget.take(2 ** 41 - kib), true);
  assert.equal(budget.take(kib), false);
  assert.ok(budget.heldBytes > 0);
});

test('what a lost thread held can be had back, and what others hold stays', () => {
  const shared = { limitBytes: 8 * kib, memory: ByteBudget.sharedMemory(2) };
  const main = new ByteBudget(shared);
  const first = new ByteBudget({ ...shared, thread: 1 });
  const second = new ByteBudget({ ...shared, thread: 2 });
  first.take(3 * kib);
  first.take(2 * kib);
  first.release(2 * kib);
  second.take(4 * kib);
  assert.equal(first.take(2 * kib), false);
  main.releaseThread(1);
  assert.equal(main.heldBytes, 4 * kib);
  main.releaseThread(1);
  assert.equal(main.heldBytes, 4 * kib);
  second.release(4 * kib);
  assert.equal(main.heldBytes, 0);
});
