import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlowCalls } from '../../../../src/observability/tracing/slow-calls.ts';

/** The same numbers each time, spread evenly over [0, 1). */
function* draws(): Generator<number, never, void> {
  for (let state = 1; ;) {
    state = (state * 48_271) % 2_147_483_647;
    yield state / 2_147_483_647;
  }
}

function slowShare(slow: SlowCalls, count: number, msOf: (draw: number) => number): number {
  const random = draws();
  let found = 0;
  for (let call = 0; call < count; call++) if (slow.isSlow(msOf(random.next().value))) found += 1;
  return found / count;
}

test('about a hundredth of the calls of a model is slow, whatever they take', () => {
  for (const msOf of [
    (draw: number) => 1 + draw,
    (draw: number) => 100 * -Math.log(1 - draw),
    (draw: number) => (draw < 0.9 ? 1 : 50 + draw),
  ]) {
    const slow = new SlowCalls();
    slowShare(slow, 20_000, msOf);
    const share = slowShare(slow, 50_000, msOf);
    assert.ok(share > 0.004 && share < 0.02, `${share}`);
  }
});

test('what is usual changes with the load', () => {
  const slow = new SlowCalls();
  slowShare(slow, 20_000, (draw) => 1 + draw);
  slowShare(slow, 20_000, (draw) => 100 + draw);
  const share = slowShare(slow, 20_000, (draw) => 100 + draw);
  assert.ok(share < 0.02, `${share}`);
  slowShare(slow, 50_000, (draw) => 1 + draw);
  assert.equal(slow.isSlow(50), true);
});

test('the first calls of a model are not slow', () => {
  const slow = new SlowCalls();
  for (let call = 0; call < 200; call++) assert.equal(slow.isSlow(call), false);
  assert.equal(slow.isSlow(1000), true);
});
