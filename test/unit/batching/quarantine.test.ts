import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Quarantine } from '../../../src/batching/quarantine.ts';
import { ServingError } from '../../../src/errors.ts';
import { BatchingBench } from '../../support/batching-bench.ts';
import { rowsRequest } from '../../support/build-target.ts';
import { settled } from '../../support/fake-clock.ts';

const lost = new ServingError('unavailable', 'lost', { reason: 'EXECUTOR_LOST' });
const quarantined = 'invalid_argument REQUEST_QUARANTINED';

test('a request that alone cost two executors is not run again; others are', async () => {
  const bench = new BatchingBench();
  for (let i = 0; i < 2; i++) {
    bench.send(1, 666);
    await settled();
    bench.executor.fail(lost);
    await settled();
  }
  bench.ended.length = 0;
  bench.send(1, 666);
  bench.send(1, 5);
  await settled();
  await bench.finish();
  assert.deepEqual([bench.outcome(666), bench.outcome(5)], [quarantined, [5]]);
  assert.deepEqual(
    [bench.inspection.refused.REQUEST_QUARANTINED, bench.inspection.breaker.state],
    [1, 'closed'],
  );
});

test('who was lost in company, or once, is not suspected', async () => {
  const bench = new BatchingBench();
  bench.send(1, 1);
  await settled();
  bench.executor.fail(lost);
  await settled();
  bench.send(1, 1);
  bench.send(1, 2);
  await settled();
  bench.executor.fail(lost);
  await settled();
  bench.ended.length = 0;
  bench.send(1, 1);
  await settled();
  await bench.finish();
  assert.deepEqual(bench.outcome(1), [1]);
});

test('with two executors, one request that costs both is not let in again', async () => {
  const bench = new BatchingBench({ executors: 2 });
  bench.send(1, 666);
  await settled();
  for (const executor of bench.executors) {
    executor.fail(lost);
    await settled();
  }
  bench.ended.length = 0;
  bench.send(1, 666);
  await settled();
  assert.equal(bench.outcome(666), quarantined);
});

test('after ten minutes it is tried anew', () => {
  const quarantine = new Quarantine();
  const request = rowsRequest(1, 7);
  quarantine.add(request, 8, 0);
  assert.equal(quarantine.guilty, 0);
  quarantine.add(request, 8, 1_000);
  assert.equal(quarantine.guilty, 1);
  assert.equal(quarantine.holds(rowsRequest(1, 7), 8, 600_999), true);
  assert.equal(quarantine.holds(rowsRequest(1, 8), 8, 600_999), false);
  assert.equal(quarantine.holds(request, 8, 601_000), false);
  assert.equal(quarantine.guilty, 0);
});

test('of many suspects the newest are remembered', () => {
  const quarantine = new Quarantine();
  for (let i = 0; i < 100; i++) for (let n = 0; n < 2; n++) quarantine.add(rowsRequest(1, i), 8, 0);
  assert.equal(quarantine.guilty, 64);
  assert.equal(quarantine.holds(rowsRequest(1, 0), 8, 0), false);
  assert.equal(quarantine.holds(rowsRequest(1, 99), 8, 0), true);
});
