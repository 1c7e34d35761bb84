import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultRestartLimits, restartDelayMs } from '../../../src/util/restart-policy.ts';

const after = (crashesInRow: number, random = 0) =>
  restartDelayMs(defaultRestartLimits, { crashesInRow, restartedAt: [] }, 0, random);

test('the delay doubles from 100 ms to 10 s', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 1_000].map((crashes) => after(crashes)),
    [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000],
  );
});

test('chance takes up to half of the delay away', () => {
  assert.equal(after(1, 0.5), 75);
  assert.ok(after(8, 0.999) > 5_000);
});

test('a spent budget waits until the oldest restart has left the window', () => {
  const limits = { ...defaultRestartLimits, budget: 3, budgetWindowMs: 1_000 };
  const restartedAt = [100, 200, 300];
  assert.equal(restartDelayMs(limits, { crashesInRow: 1, restartedAt }, 350, 0), 750);
  assert.equal(restartDelayMs(limits, { crashesInRow: 1, restartedAt }, 1_090, 0), 100);
  assert.equal(restartDelayMs(limits, { crashesInRow: 1, restartedAt: [200, 300] }, 350, 0), 100);
});
