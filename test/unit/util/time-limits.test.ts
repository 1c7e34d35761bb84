import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimeLimits } from '../../../src/util/time-limits.ts';
import { FakeClock } from '../../support/fake-clock.ts';

test('what comes in time is given, and leaves no timer', async () => {
  const clock = new FakeClock();
  using limits = new TimeLimits(clock);
  assert.equal(await limits.within(Promise.resolve(7), 10), 7);
  await assert.rejects(limits.within(Promise.reject(new Error('no')), 10), /no/);
  assert.equal(clock.pending, 0);
});

test('what does not come in time is given up', async () => {
  const clock = new FakeClock();
  using limits = new TimeLimits(clock);
  const given = limits.within(new Promise(() => undefined), 10);
  clock.advance(10);
  assert.equal(await given, 'timeout');
});

test('disposed it keeps no timer', () => {
  const clock = new FakeClock();
  const limits = new TimeLimits(clock);
  void limits.within(new Promise(() => undefined), 10);
  assert.equal(clock.pending, 1);
  limits[Symbol.dispose]();
  assert.equal(clock.pending, 0);
});
