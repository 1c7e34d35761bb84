import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchBatches, type BatchRun } from '../../../src/inference/batch-channel.ts';
import { BatchingBench } from '../../support/batching-bench.ts';
import { settled } from '../../support/fake-clock.ts';

test('who listens is told of each batch, with its requests and times, before they are answered', async () => {
  const runs: BatchRun[] = [];
  const endedBefore: number[] = [];
  const bench = new BatchingBench();
  bench.send(1, 1);
  await settled();
  bench.send(1, 2);
  bench.send(2, 3);
  bench.clock.advance(7);
  using _ = watchBatches((run) => {
    runs.push(run);
    endedBefore.push(bench.ended.length);
  });
  await bench.finish();
  await bench.finish();
  assert.deepEqual(
    runs.map(({ model, rows, calls, startedAt, endedAt, parts, error }) => ({
      model,
      rows,
      waits: calls.map(({ queuedAt }) => startedAt - queuedAt),
      tookMs: endedAt - startedAt,
      inferMs: parts?.inferMs,
      error,
    })),
    [
      { model: 'm', rows: 1, waits: [0], tookMs: 7, inferMs: 1, error: undefined },
      { model: 'm', rows: 3, waits: [7, 7], tookMs: 0, inferMs: 1, error: undefined },
    ],
  );
  assert.deepEqual(endedBefore, [0, 1]);
});

test('nobody is told once nobody listens', async () => {
  const runs: BatchRun[] = [];
  watchBatches((run) => void runs.push(run))[Symbol.dispose]();
  const bench = new BatchingBench();
  bench.send(1, 1);
  await settled();
  await bench.finish();
  assert.equal(bench.ended.length, 1);
  assert.deepEqual(runs, []);
});
