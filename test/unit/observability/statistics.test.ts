import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelStatistics } from '../../../src/observability/statistics.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function setUp(startMs = 0) {
  const clock = new FakeClock(startMs);
  return { clock, statistics: new ModelStatistics({ name: 'm', version: '3', clock }) };
}

const never = { count: 0, ns: 0 };

test('a model that was never used counts nothing', () => {
  assert.deepEqual(setUp().statistics.snapshot(), {
    name: 'm',
    version: '3',
    lastInference: 0,
    inferenceCount: 0,
    executionCount: 0,
    success: never,
    fail: never,
    failReasons: { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 },
    queue: never,
    computeInput: never,
    computeInfer: never,
    computeOutput: never,
    cacheHit: never,
    cacheMiss: never,
    pending: 0,
    batches: [],
    responses: [],
  });
});

test("each request of a batch is given the whole batch's compute times, and the batch itself once", () => {
  const { statistics, clock } = setUp(250);
  // Three requests with five rows that waited 1, 2 and 4 ms.
  statistics.recordBatch(5, 3, 7, 0.5, 2, 0.25);
  for (const totalMs of [4, 5, 7]) statistics.recordSuccess(totalMs, 'grpc');
  const snapshot = statistics.snapshot();
  assert.equal(snapshot.inferenceCount, 5);
  assert.equal(snapshot.executionCount, 1);
  assert.equal(snapshot.lastInference, clock.epochMs());
  assert.deepEqual(snapshot.success, { count: 3, ns: 16_000_000 });
  assert.deepEqual(snapshot.queue, { count: 3, ns: 7_000_000 });
  assert.deepEqual(snapshot.computeInput, { count: 3, ns: 1_500_000 });
  assert.deepEqual(snapshot.computeInfer, { count: 3, ns: 6_000_000 });
  assert.deepEqual(snapshot.computeOutput, { count: 3, ns: 750_000 });
  assert.deepEqual(snapshot.batches, [
    {
      batchSize: 5,
      computeInput: { count: 1, ns: 500_000 },
      computeInfer: { count: 1, ns: 2_000_000 },
      computeOutput: { count: 1, ns: 250_000 },
    },
  ]);
});

test('batches are kept apart by their size, smallest first', () => {
  const { statistics } = setUp();
  for (const rows of [4, 1, 4, 32, 1, 4]) statistics.recordBatch(rows, 1, 0, 0, rows, 0);
  const { batches, executionCount, inferenceCount } = statistics.snapshot();
  assert.deepEqual(
    batches.map(({ batchSize, computeInfer }) => [batchSize, computeInfer.count, computeInfer.ns]),
    [
      [1, 2, 2_000_000],
      [4, 3, 12_000_000],
      [32, 1, 32_000_000],
    ],
  );
  assert.equal(executionCount, 6);
  assert.equal(inferenceCount, 46);
});

test('a hit of the cache is a success that was not computed', () => {
  const { statistics } = setUp();
  statistics.recordBatch(1, 1, 1, 1, 1, 1);
  statistics.recordSuccess(5, 'grpc');
  statistics.recordCacheHit(0.5, 0.25);
  statistics.recordSuccess(1, 'grpc');
  const snapshot = statistics.snapshot();
  assert.deepEqual(snapshot.success, { count: 2, ns: 6_000_000 });
  assert.deepEqual(snapshot.queue, { count: 2, ns: 1_500_000 });
  assert.deepEqual(snapshot.cacheHit, { count: 1, ns: 250_000 });
  assert.deepEqual(snapshot.computeInfer, { count: 1, ns: 1_000_000 });
  assert.equal(snapshot.inferenceCount, 1);
  assert.equal(snapshot.executionCount, 1);
});

test('what a miss of the cache took is part of the time of its request', () => {
  const { statistics } = setUp();
  statistics.recordSuccess(5, 'grpc');
  statistics.recordCacheMiss(0.5);
  const snapshot = statistics.snapshot();
  assert.deepEqual(snapshot.success, { count: 1, ns: 5_500_000 });
  assert.deepEqual(snapshot.cacheMiss, { count: 1, ns: 500_000 });
});

test('failures are counted in all and by reason, and are no successes', () => {
  const { statistics } = setUp();
  statistics.recordFailure(1, 'REJECTED', 'grpc');
  statistics.recordFailure(2, 'CANCELED', 'grpc');
  statistics.recordFailure(3, 'CANCELED', 'grpc');
  statistics.recordFailure(4, 'BACKEND', 'grpc');
  statistics.recordFailure(5, 'OTHER', 'grpc');
  const { fail, failReasons, success } = statistics.snapshot();
  assert.deepEqual(fail, { count: 5, ns: 15_000_000 });
  assert.deepEqual(failReasons, { REJECTED: 1, CANCELED: 2, BACKEND: 1, OTHER: 1 });
  assert.deepEqual(success, never);
});

test('pending is what was last set', () => {
  const { statistics } = setUp();
  statistics.setPending(7);
  statistics.setPending(2);
  assert.equal(statistics.snapshot().pending, 2);
});

test('more batch sizes than are told apart are counted with the nearest smaller one', () => {
  const { statistics } = setUp();
  for (let size = 1; size <= 1024; size++) statistics.recordBatch(2 * size, 1, 0, 0, 1, 0);
  statistics.recordBatch(5, 1, 0, 0, 1, 0);
  statistics.recordBatch(1, 1, 0, 0, 1, 0);
  const { batches, executionCount } = statistics.snapshot();
  assert.equal(executionCount, 1026);
  assert.equal(batches.length, 1024);
  assert.deepEqual(
    batches.slice(0, 3).map(({ batchSize, computeInfer }) => [batchSize, computeInfer.count]),
    [
      [2, 2],
      [4, 2],
      [6, 1],
    ],
  );
});

test('another thread reads the same numbers from the memory', () => {
  const { statistics, clock } = setUp();
  statistics.recordBatch(2, 1, 1, 1, 1, 1);
  const reader = new ModelStatistics({ name: 'm', version: '3', clock, memory: statistics.memory });
  assert.deepEqual(reader.snapshot(), statistics.snapshot());
});

test('answers are counted by front and duration, a bound belonging to the bucket below it', () => {
  const { statistics } = setUp();
  for (const totalMs of [0.05, 0.1, 0.11, 20_000]) statistics.recordSuccess(totalMs, 'grpc');
  statistics.recordSuccess(3, 'http');
  const { grpc, http, embedded } = statistics.latencies().fronts;
  assert.deepEqual(grpc.answered.bounds.slice(0, 2), [0.1, 0.2]);
  assert.deepEqual(grpc.answered.counts.slice(0, 3), [2, 1, 0]);
  assert.equal(grpc.answered.counts.length, grpc.answered.bounds.length + 1);
  assert.equal(grpc.answered.counts.at(-1), 1);
  assert.equal(grpc.answered.sum, 20_000.26);
  assert.equal(http.answered.counts[5], 1);
  assert.equal(http.answered.sum, 3);
  assert.equal(embedded.answered.sum, 0);
});

test('failures are counted by front and reason', () => {
  const { statistics } = setUp();
  for (const reason of ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'] as const) {
    statistics.recordFailure(1, reason, 'http');
  }
  statistics.recordFailure(1, 'BACKEND', 'embedded');
  const { fronts } = statistics.latencies();
  assert.deepEqual(fronts.grpc.failed, { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 });
  assert.deepEqual(fronts.http.failed, { REJECTED: 1, CANCELED: 1, BACKEND: 1, OTHER: 1 });
  assert.deepEqual(fronts.embedded.failed, { REJECTED: 0, CANCELED: 0, BACKEND: 1, OTHER: 0 });
});

test('waits are counted per request, the parts of computing per batch', () => {
  const { statistics } = setUp();
  statistics.recordBatch(4, 2, 9, 0.02, 3, 0.01);
  statistics.recordQueueWait(1);
  statistics.recordQueueWait(8);
  const { queue, computeInput, computeInfer, computeOutput } = statistics.latencies();
  const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
  assert.deepEqual([total(queue.counts), queue.sum], [2, 9]);
  assert.deepEqual([total(computeInput.counts), computeInput.sum], [1, 0.02]);
  assert.deepEqual([total(computeInfer.counts), computeInfer.sum], [1, 3]);
  assert.deepEqual([total(computeOutput.counts), computeOutput.sum], [1, 0.01]);
});
