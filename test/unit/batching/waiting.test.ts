import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { QueuePolicy } from '../../../src/inference/target.ts';
import { BatchingBench } from '../../support/batching-bench.ts';
import { firstOfRows, openPolicy } from '../../support/build-target.ts';
import { settled } from '../../support/fake-clock.ts';

/** A bench whose executor is busy with one request (label 0), so that what follows waits. */
async function busyBench(
  options: ConstructorParameters<typeof BatchingBench>[0] = {},
): Promise<BatchingBench> {
  const bench = new BatchingBench(options);
  bench.send(1, 0);
  await settled();
  return bench;
}

function policy(overrides: Partial<QueuePolicy>): QueuePolicy {
  return { ...openPolicy, ...overrides };
}

test('a request that is cancelled while it waits is answered at once and never run', async () => {
  const bench = await busyBench();
  const call = bench.send(1, 1);
  bench.send(1, 2);
  await settled();
  call.cancel();
  await settled();
  assert.equal(bench.outcome(1), 'cancelled CANCELLED');
  await bench.finish();
  assert.deepEqual(bench.executor.rows, [1, 1]);
  assert.deepEqual(bench.target.statistics.failures, [{ totalMs: 0, reason: 'CANCELED' }]);
});

test('a request that is cancelled while it runs counts as cancelled, and its target is drained when the run ends', async () => {
  const bench = new BatchingBench();
  const call = bench.send(1, 1);
  await settled();
  const order: string[] = [];
  const waitUntilDrained = async (): Promise<void> => {
    await bench.batcher.drained(bench.target);
    order.push('drained');
  };
  const waiting = waitUntilDrained();
  call.cancel();
  await settled();
  assert.deepEqual(order, []);
  await bench.finish();
  await waiting;
  assert.equal(bench.outcome(1), 'cancelled CANCELLED');
  assert.deepEqual(bench.target.statistics.successes, []);
});

test('a request that comes cancelled or late is not let in', async () => {
  const bench = new BatchingBench();
  const call = bench.send(1, 1, { deadline: 1_000 });
  call.cancel();
  await settled();
  assert.equal(bench.outcome(1), 'deadline_exceeded DEADLINE_EXCEEDED');
  assert.deepEqual(bench.executor.rows, []);
});

test('a deadline that passes in the queue is answered then, while the executor is still busy', async () => {
  const bench = await busyBench();
  bench.send(1, 1, { deadline: 1_050 });
  bench.send(1, 2, { deadline: 1_090 });
  bench.send(1, 3, { deadline: 9_000 });
  await settled();
  await bench.clock.advanceSettling(49);
  assert.equal(bench.ended.length, 0);
  await bench.clock.advanceSettling(2);
  assert.equal(bench.outcome(1), 'deadline_exceeded DEADLINE_EXCEEDED');
  assert.equal(bench.outcome(2), undefined);
  await bench.clock.advanceSettling(40);
  assert.equal(bench.outcome(2), 'deadline_exceeded DEADLINE_EXCEEDED');
  await bench.clock.advanceSettling(8_000);
  assert.equal(bench.outcome(3), 'deadline_exceeded DEADLINE_EXCEEDED');
});

test('no timer is left when nothing waits', async () => {
  const bench = new BatchingBench();
  bench.send(1, 1, { deadline: 1_050 });
  await settled();
  await bench.finish();
  await bench.clock.advanceSettling(100);
  assert.equal(bench.clock.pending, 0);
});

test('the earliest deadline goes first', async () => {
  const bench = await busyBench();
  for (const deadline of [1_900, 1_500, 1_700]) bench.send(5, deadline, { deadline });
  await settled();
  for (let i = 0; i < 4; i++) await bench.finish();
  assert.deepEqual(
    bench.ended.map(({ label }) => label),
    ['0', '1500', '1700', '1900'],
  );
});

test('a request without a deadline is not passed by later ones for longer than a second', async () => {
  const bench = await busyBench();
  bench.send(5, 1);
  await settled();
  bench.clock.advance(1_001);
  bench.send(5, 20, { deadline: bench.clock.now() + 10 });
  await settled();
  await bench.finish();
  assert.equal(bench.executor.running!.inputs[0]!.parts.length, 1);
  assert.deepEqual(firstOfRows(bench.executor.running!.inputs[0]!.parts[0]!), [1, 2, 3, 4, 5]);
});

test('a request’s timeout parameter is up in the queue even where the model sets none', async () => {
  const bench = await busyBench();
  bench.send(1, 1, { parameters: { timeout: 5_000 } });
  await settled();
  await bench.clock.advanceSettling(6);
  assert.equal(bench.outcome(1), 'unavailable QUEUE_TIMEOUT');
  assert.equal(bench.error(1)!.message, 'Request timeout expired');
  assert.equal(bench.target.statistics.failures[0]!.reason, 'REJECTED');
});

test('a request’s timeout parameter shortens the model’s and never lengthens it', async () => {
  const defaultQueuePolicy = policy({ defaultTimeoutMicroseconds: 10_000 });
  const bench = await busyBench({ scheduling: { defaultQueuePolicy } });
  bench.send(1, 1, { parameters: { timeout: 5_000 } });
  bench.send(1, 2, { parameters: { timeout: 50_000n } });
  await settled();
  await bench.clock.advanceSettling(6);
  assert.equal(bench.outcome(1), 'unavailable QUEUE_TIMEOUT');
  assert.equal(bench.outcome(2), undefined);
  await bench.clock.advanceSettling(5);
  assert.equal(bench.outcome(2), 'unavailable QUEUE_TIMEOUT');
});

test('with action delay a timed-out request goes after the others, but goes', async () => {
  const defaultQueuePolicy = policy({ timeoutAction: 'delay' });
  const bench = await busyBench({ scheduling: { defaultQueuePolicy } });
  bench.send(5, 10, { parameters: { timeout: 10_000 } });
  await settled();
  await bench.clock.advanceSettling(11);
  bench.send(5, 20);
  await settled();
  for (let i = 0; i < 3; i++) await bench.finish();
  assert.deepEqual(
    bench.ended.map(({ label }) => label),
    ['0', '20', '10'],
  );
});

test('a model’s own queue size is unavailable when full, counted per priority level', async () => {
  const scheduling = {
    priorityLevels: 2,
    defaultPriorityLevel: 2,
    defaultQueuePolicy: policy({ maxQueueSize: 1 }),
  };
  const bench = await busyBench({ scheduling });
  bench.send(1, 1);
  bench.send(1, 2);
  bench.send(1, 3, { parameters: { priority: 1 } });
  await settled();
  assert.equal(bench.outcome(2), 'unavailable MODEL_QUEUE_FULL');
  assert.equal(bench.error(2)!.message, 'Exceeds maximum queue size');
  assert.equal(bench.ended.length, 1);
});

test('smaller priority numbers go first, and unknown ones take the default', async () => {
  const bench = await busyBench({ scheduling: { priorityLevels: 3, defaultPriorityLevel: 2 } });
  bench.send(8, 30, { parameters: { priority: 3 } });
  bench.send(8, 20, { parameters: { priority: 9 } });
  bench.send(8, 10, { parameters: { priority: 1 } });
  await settled();
  for (let i = 0; i < 4; i++) await bench.finish();
  assert.deepEqual(
    bench.ended.map(({ label }) => label),
    ['0', '10', '20', '30'],
  );
});

test('a low priority is served in bounded time under a steady load of high ones', async () => {
  const bench = await busyBench({ scheduling: { priorityLevels: 2, defaultPriorityLevel: 1 } });
  bench.send(8, -9, { parameters: { priority: 2 } });
  for (let i = 1; i <= 20; i++) {
    bench.send(8, i * 100);
    bench.clock.advance(100);
    await bench.finish();
  }
  const position = bench.ended.findIndex(({ label }) => label === '-9');
  assert.ok(position >= 4 && position <= 11, `${position}`);
});

test('where order is preserved, answers come in the order of requests, deadlines or not', async () => {
  const bench = new BatchingBench({ executors: 2, scheduling: { preserveOrdering: true } });
  bench.send(8, 1);
  bench.send(8, 2, { deadline: 1_500 });
  bench.send(8, 3, { deadline: 1_100 });
  await settled();
  await bench.finish(bench.executors[1]);
  await bench.finish(bench.executors[1]);
  assert.equal(bench.ended.length, 0);
  await bench.finish(bench.executors[0]);
  assert.deepEqual(
    bench.ended.map(({ label }) => label),
    ['1', '2', '3'],
  );
});

test('a batch waits for company as long as the model says, and no longer', async () => {
  const bench = new BatchingBench({ scheduling: { maxQueueDelayMicroseconds: 5_000 } });
  bench.send(1, 1);
  await settled();
  await bench.clock.advanceSettling(4);
  bench.send(1, 2);
  await settled();
  assert.deepEqual(bench.executor.rows, []);
  await bench.clock.advanceSettling(1);
  assert.deepEqual(bench.executor.rows, [2]);
  assert.equal(bench.inspection.closed.delay, 1);
});

test('a preferred size does not wait', async () => {
  const bench = new BatchingBench({
    scheduling: { maxQueueDelayMicroseconds: 5_000, preferredBatchSizes: [2, 4] },
  });
  for (let i = 1; i <= 5; i++) bench.send(1, i);
  await settled();
  assert.deepEqual(bench.executor.rows, [4]);
  assert.equal(bench.inspection.closed.preferred_size, 1);
  assert.equal(bench.inspection.queuedRows, 1);
});
