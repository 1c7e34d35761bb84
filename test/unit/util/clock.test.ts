import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../../../src/util/clock.ts';

const dayMs = 86_400_000;

describe('systemClock', () => {
  test('waits the whole of a delay that is longer than one timer can be', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let ran = 0;
    systemClock.after(60 * dayMs, () => ran++);
    for (let day = 1; day < 60; day++) t.mock.timers.tick(dayMs);
    assert.equal(ran, 0);
    // The second part begins at the end of the step in which the first one ends.
    t.mock.timers.tick(2 * dayMs);
    assert.equal(ran, 1);
  });

  test('does not run what was disposed in the second part of a long delay', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let ran = 0;
    const timer = systemClock.after(30 * dayMs, () => ran++);
    t.mock.timers.tick(25 * dayMs);
    timer[Symbol.dispose]();
    t.mock.timers.tick(10 * dayMs);
    assert.equal(ran, 0);
  });

  test('hands no delay to the runtime that it would run at once', (t) => {
    const { setTimeout } = globalThis;
    const delays: unknown[] = [];
    t.mock.method(globalThis, 'setTimeout', (run: () => void, delayMs: number) => {
      delays.push(delayMs);
      return setTimeout(run, delayMs);
    });
    for (const delayMs of [2 ** 31 - 1, 2 ** 31, 1e15, Infinity]) {
      systemClock.after(delayMs, () => assert.fail('ran'))[Symbol.dispose]();
    }
    assert.deepEqual(delays, [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1]);
  });
});
