import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSharedStatistics } from '../../../src/observability/shared-statistics.ts';
import { ModelStatistics } from '../../../src/observability/statistics.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const clock = new FakeClock();

function share(threads: number): (writer: number | undefined) => ReturnType<typeof createSharedStatistics> {
  const memories = Array.from({ length: threads }, () => new SharedArrayBuffer(ModelStatistics.sizeBytes));
  return (writer) => createSharedStatistics({ name: 'm', version: '1', clock, memories, writer });
}

test('every thread and a reader see the sum of what all counted', () => {
  const of = share(2);
  const [first, second, reader] = [of(0), of(1), of(undefined)];
  first.recordBatch(4, 2, 1, 1, 2, 1);
  second.recordBatch(4, 1, 2, 1, 4, 1);
  second.recordBatch(1, 1, 0, 1, 1, 1);
  first.recordSuccess(5, 'grpc');
  second.recordSuccess(6, 'grpc');
  second.recordFailure(1, 'REJECTED', 'grpc');
  first.recordCacheHit(1, 1);
  second.recordCacheMiss(2);
  first.setPending(3);
  second.setPending(4);
  const sum = reader.snapshot();
  assert.deepEqual(first.snapshot(), sum);
  assert.deepEqual(second.snapshot(), sum);
  assert.deepEqual([sum.inferenceCount, sum.executionCount, sum.pending], [9, 3, 7]);
  assert.deepEqual(sum.success, { count: 2, ns: 13e6 });
  assert.deepEqual([sum.fail.count, sum.failReasons.REJECTED], [1, 1]);
  assert.deepEqual([sum.cacheHit.count, sum.cacheMiss.count, sum.queue.ns], [1, 1, 4e6]);
  assert.deepEqual(
    sum.batches.map(({ batchSize, computeInfer }) => [batchSize, computeInfer.count, computeInfer.ns]),
    [
      [1, 1, 1e6],
      [4, 2, 6e6],
    ],
  );
});

test('a writer that takes over goes on where the last one stopped, also with batch sizes', () => {
  const of = share(1);
  const lost = of(0);
  lost.recordBatch(2, 1, 0, 0, 1, 0);
  lost.recordBatch(8, 1, 0, 0, 1, 0);
  const next = of(0);
  next.recordBatch(8, 1, 0, 0, 1, 0);
  next.recordBatch(4, 1, 0, 0, 1, 0);
  assert.equal(next.snapshot().executionCount, 4);
  assert.deepEqual(
    next.snapshot().batches.map(({ batchSize, computeInfer }) => [batchSize, computeInfer.count]),
    [
      [2, 1],
      [4, 1],
      [8, 2],
    ],
  );
});

test('answers are counted by their place among those of their request, as far as there are places', () => {
  const of = share(2);
  const [first, second, reader] = [of(0), of(1), of(undefined)];
  first.recordResponse(0, 'success', { inferMs: 3, outputMs: 1 });
  second.recordResponse(0, 'fail', { inferMs: 5, outputMs: 0 });
  second.recordResponse(2, 'empty', { inferMs: 2, outputMs: 0 });
  second.recordResponse(2, 'cancel', { inferMs: 4, outputMs: 2 });
  second.recordResponse(1_000_000, 'success', { inferMs: 3, outputMs: 1 });
  const none = { count: 0, ns: 0 };
  const expected = [
    {
      index: 0,
      computeInfer: { count: 2, ns: 8e6 },
      computeOutput: { count: 2, ns: 1e6 },
      success: { count: 1, ns: 4e6 },
      fail: { count: 1, ns: 5e6 },
      emptyResponse: none,
      cancel: none,
    },
    {
      index: 2,
      computeInfer: { count: 1, ns: 2e6 },
      computeOutput: none,
      success: none,
      fail: none,
      emptyResponse: { count: 1, ns: 2e6 },
      cancel: { count: 1, ns: 6e6 },
    },
  ];
  assert.deepEqual(reader.snapshot().responses, expected);
  assert.deepEqual(first.snapshot().responses, expected);
});

test('the histograms of all threads are summed', () => {
  const of = share(2);
  for (const writer of [0, 1]) {
    const recorder = of(writer);
    recorder.recordBatch(1, 1, 1, 1, 1, 1);
    recorder.recordQueueWait(1);
    recorder.recordSuccess(4, 'grpc');
    recorder.recordFirstAnswer(2);
    recorder.recordFailure(1, 'CANCELED', 'http');
  }
  const { fronts, firstAnswer, queue, computeInfer } = of(undefined).latencies();
  assert.equal(fronts.grpc.answered.counts[5], 2);
  assert.equal(fronts.grpc.answered.sum, 8);
  assert.equal(fronts.http.failed.CANCELED, 2);
  assert.equal(firstAnswer.counts[4], 2);
  assert.equal(queue.counts[2], 2);
  assert.equal(computeInfer.counts[4], 2);
});
