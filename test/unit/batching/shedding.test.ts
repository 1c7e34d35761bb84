import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BatchingBench } from '../../support/batching-bench.ts';
import { principalNamed } from '../../support/build-target.ts';
import { settled } from '../../support/fake-clock.ts';

test('a request whose predicted wait exceeds its deadline is refused at once, with advice when to come again', async () => {
  const bench = new BatchingBench();
  await bench.learn(20);
  for (let i = 0; i < 3; i++) bench.send(8, i * 10);
  await settled();
  bench.send(1, 99, { deadline: bench.clock.now() + 50 });
  await settled();
  assert.equal(bench.outcome(99), 'resource_exhausted WAIT_EXCEEDS_DEADLINE');
  const { retryAfterMs } = bench.error(99)!;
  assert.ok(retryAfterMs! > 0 && retryAfterMs! < 100, `${retryAfterMs}`);
  assert.equal(bench.target.statistics.failures[0]!.reason, 'REJECTED');
  bench.send(1, 98, { deadline: bench.clock.now() + 5_000 });
  await settled();
  assert.equal(bench.outcome(98), undefined);
});

test('a request that the executor could not answer in time is dropped when its batch is formed', async () => {
  const bench = new BatchingBench();
  await bench.learn(20);
  bench.send(1, 1);
  await settled();
  bench.send(1, 2, { deadline: bench.clock.now() + 60 });
  await settled();
  bench.clock.advance(45);
  await bench.finish();
  assert.equal(bench.outcome(2), 'resource_exhausted DEADLINE_UNREACHABLE');
  assert.deepEqual(bench.executor.rows, [1]);
});

test('a cost that has not been measured for a second refuses nobody', async () => {
  const bench = new BatchingBench();
  await bench.learn(100);
  bench.send(1, 1, { deadline: bench.clock.now() + 50 });
  await settled();
  assert.equal(bench.outcome(1), 'resource_exhausted WAIT_EXCEEDS_DEADLINE');
  bench.clock.advance(1_001);
  bench.send(1, 2, { deadline: bench.clock.now() + 50 });
  await settled();
  assert.deepEqual(bench.executor.rows, [1]);
});

test('a run that goes on for long keeps its cost in force', async () => {
  const bench = new BatchingBench();
  await bench.learn(100);
  bench.send(1, 1);
  await settled();
  bench.clock.advance(5_000);
  bench.send(1, 2, { deadline: bench.clock.now() + 50 });
  await settled();
  assert.equal(bench.outcome(2), 'resource_exhausted WAIT_EXCEEDS_DEADLINE');
});

for (const { name, limits, reason } of [
  { name: 'rows', limits: { queuedRows: 10 }, reason: 'QUEUE_ROWS_EXCEEDED' },
  { name: 'requests', limits: { queuedRequests: 2 }, reason: 'QUEUE_REQUESTS_EXCEEDED' },
  { name: 'bytes', limits: { queuedBytes: 8 * 14 }, reason: 'QUEUE_BYTES_EXCEEDED' },
]) {
  test(`${name} that wait are bounded`, async () => {
    const bench = new BatchingBench({ limits });
    bench.send(1, 1);
    await settled();
    for (const first of [10, 20, 30]) bench.send(5, first);
    await settled();
    assert.equal(bench.outcome(30), `resource_exhausted ${reason}`);
    assert.ok(bench.error(30)!.retryAfterMs! >= 1);
    assert.equal(bench.ended.length, 1);
  });
}

test('seconds of learned work that wait are bounded, per executor', async () => {
  const bench = new BatchingBench({ limits: { queuedWorkMs: 100 } });
  await bench.learn(30, 8);
  for (let i = 0; i < 6; i++) bench.send(8, i * 10);
  await settled();
  assert.ok(bench.ended.length > 0);
  for (const { outcome } of bench.ended) assert.equal(outcome, 'resource_exhausted QUEUE_WORK_EXCEEDED');
});

test('bytes are given back when their request is answered', async () => {
  const bench = new BatchingBench({ limits: { queuedBytes: 8 * 8 } });
  for (let i = 1; i <= 3; i++) {
    bench.send(8, i);
    await settled();
    await bench.finish();
  }
  assert.deepEqual(
    bench.ended.map(({ error }) => error),
    [undefined, undefined, undefined],
  );
});

test('at a full queue a lower priority gives way to a higher one', async () => {
  const bench = new BatchingBench({
    limits: { queuedRequests: 2 },
    scheduling: { priorityLevels: 2, defaultPriorityLevel: 2 },
  });
  bench.send(1, 0);
  await settled();
  for (const first of [1, 2]) bench.send(1, first);
  bench.send(1, 3, { parameters: { priority: 1 } });
  await settled();
  assert.equal(bench.outcome(2), 'resource_exhausted PREEMPTED');
  assert.equal(bench.ended.length, 1);
});

test('at a full queue the principal with most for its weight gives way', async () => {
  const bench = new BatchingBench({ limits: { queuedRequests: 4 } });
  const hungry = principalNamed('hungry');
  const modest = principalNamed('modest');
  bench.send(1, 0);
  await settled();
  for (let i = 1; i <= 5; i++) bench.send(1, i, { principal: hungry });
  for (let i = 11; i <= 13; i++) bench.send(1, i, { principal: modest });
  await settled();
  assert.equal(bench.outcome(5), 'resource_exhausted QUEUE_REQUESTS_EXCEEDED');
  assert.deepEqual(
    [4, 3].map((label) => bench.outcome(label)),
    ['resource_exhausted PREEMPTED', 'resource_exhausted PREEMPTED'],
  );
  assert.equal(bench.outcome(13), 'resource_exhausted QUEUE_REQUESTS_EXCEEDED');
});

test('principals that wait are served by weight', async () => {
  const bench = new BatchingBench();
  const heavy = principalNamed('heavy', 3);
  const light = principalNamed('light');
  bench.send(1, 0);
  await settled();
  for (let i = 0; i < 16; i++) bench.send(1, 100 + i, { principal: light });
  for (let i = 0; i < 16; i++) bench.send(1, 200 + i, { principal: heavy });
  await settled();
  await bench.finish();
  // The full batch that was prepared while only the light one had sent is not broken up.
  await bench.finish();
  await bench.finish();
  const heavyServed = bench.ended.filter(({ label }) => label.startsWith('2')).length;
  assert.ok(heavyServed >= 6, `${heavyServed} of 16`);
});

test('in a standing queue the newest without a deadline goes first, and the oldest gives way at a full queue', async () => {
  const bench = new BatchingBench({ limits: { queuedRequests: 3 } });
  await bench.learn(1, 8);
  bench.send(8, 0);
  await settled();
  for (const first of [10, 20]) bench.send(5, first);
  await settled();
  for (let i = 0; i < 3; i++) {
    bench.clock.advance(60);
    bench.send(5, 1_000 + i);
    await settled();
  }
  assert.equal(bench.outcome(10), 'resource_exhausted PREEMPTED');
  await bench.finish();
  await bench.finish();
  assert.deepEqual(bench.ended.map(({ label }) => label).slice(-1), ['1002']);
});

test('requests that the scheduler refuses or gives up are counted by reason, others are not', async () => {
  const bench = new BatchingBench({ limits: { queuedRows: 10 } });
  await bench.learn(20);
  bench.send(1, 1);
  await settled();
  bench.send(1, 2, { deadline: bench.clock.now() + 60 });
  bench.send(1, 3, { deadline: bench.clock.now() + 1 });
  bench.send(5, 10);
  bench.send(5, 20);
  bench.send(9, 30);
  await settled();
  bench.clock.advance(45);
  await bench.finish();
  const [inspection] = bench.batcher.inspect();
  const counted = Object.entries(inspection!.refused).filter(([, count]) => count > 0);
  assert.deepEqual(Object.fromEntries(counted), {
    DEADLINE_UNREACHABLE: 1,
    WAIT_EXCEEDS_DEADLINE: 1,
    QUEUE_ROWS_EXCEEDED: 1,
  });
  assert.equal(bench.target.statistics.failures.length, 4);
});
