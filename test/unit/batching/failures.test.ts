import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ServingError } from '../../../src/errors.ts';
import type { Batch } from '../../../src/inference/executor.ts';
import { BatchingBench } from '../../support/batching-bench.ts';
import { settled } from '../../support/fake-clock.ts';

const crashed = new ServingError('unavailable', 'the instance stopped');

/** Fails every batch in which a row starts with 666. */
function poisoned(batch: Batch) {
  const [input] = batch.inputs;
  const data = new Uint8Array(Buffer.concat(input!.parts));
  const floats = new Float32Array(data.buffer);
  if (floats.includes(666))
    throw new ServingError('internal', 'the model failed', { reason: 'MODEL_FAILED' });
  return batch.outputs.map((name) => ({ name, datatype: input!.datatype, shape: input!.shape, data }));
}

async function finishAll(bench: BatchingBench): Promise<void> {
  while (bench.executor.running !== undefined) await bench.finish();
}

test('of a failing batch only the guilty request fails', async () => {
  const bench = new BatchingBench({ puppet: { compute: poisoned } });
  for (const first of [1, 2, 3, 666, 5, 6, 7, 8]) bench.send(1, first);
  await settled();
  await finishAll(bench);
  assert.equal(bench.outcome(666), 'internal MODEL_FAILED');
  for (const first of [1, 2, 3, 5, 6, 7, 8]) assert.deepEqual(bench.outcome(first), [first]);
  assert.deepEqual(
    bench.target.statistics.failures.map(({ reason }) => reason),
    ['BACKEND'],
  );
  // 8, then halves of 4, 2 and 1 around the guilty one.
  assert.equal(bench.executor.batches.length, 7);
});

test('a request that fails alone is not run again', async () => {
  const bench = new BatchingBench({ puppet: { compute: poisoned } });
  bench.send(1, 666);
  await settled();
  await finishAll(bench);
  assert.deepEqual(bench.executor.rows, [1]);
  assert.equal(bench.outcome(666), 'internal MODEL_FAILED');
});

test('a model that fails always is not run over and over', async () => {
  const bench = new BatchingBench({
    puppet: {
      compute: () => {
        throw new ServingError('internal', 'the model failed');
      },
    },
  });
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 8; i++) bench.send(1, round * 10 + i);
    await settled();
    await finishAll(bench);
  }
  assert.equal(bench.ended.length, 160);
  // Ten searches of at most 6 runs are saved up; after them each batch is run once.
  assert.ok(bench.executor.batches.length <= 20 + 10 * 6, `${bench.executor.batches.length}`);
});

test('inputs that cannot be computed never fail a request beside them, however many there are', async () => {
  const bench = new BatchingBench({
    puppet: {
      compute: (batch) => {
        try {
          return poisoned(batch);
        } catch {
          throw new ServingError('invalid_argument', 'no such row');
        }
      },
    },
  });
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 8; i++) bench.send(1, i % 2 === 0 ? 666 : round * 10 + i);
    await settled();
    await finishAll(bench);
    for (let i = 1; i < 8; i += 2) assert.deepEqual(bench.outcome(round * 10 + i), [round * 10 + i]);
  }
  assert.equal(bench.target.statistics.failures.length, 80);
  // The batch, a search of at most 6 runs, and each request once alone.
  assert.ok(bench.executor.batches.length <= 20 * (1 + 6 + 8), `${bench.executor.batches.length}`);
});

test('what is not a ServingError becomes internal without its text', async () => {
  const bench = new BatchingBench();
  bench.send(1, 1);
  await settled();
  bench.executor.fail(new TypeError('secret path /x'));
  await settled();
  assert.equal(bench.error(1)!.code, 'internal');
  assert.equal(bench.error(1)!.message, 'internal error');
});

test('a batch whose executor crashed is tried once elsewhere', async () => {
  const bench = new BatchingBench({ executors: 2 });
  bench.send(1, 1);
  bench.send(1, 2);
  await settled();
  bench.executors[0]!.fail(crashed, { stayDown: true });
  await settled();
  assert.deepEqual(bench.executors[1]!.rows, [2]);
  await bench.finish(bench.executors[1]);
  assert.deepEqual([bench.outcome(1), bench.outcome(2)], [[1], [2]]);
});

test('a batch waits for another executor than the one that failed with it, until its deadline', async () => {
  const bench = new BatchingBench({ executors: 2 });
  bench.send(8, 1, { deadline: 1_500 });
  bench.send(8, 21, { deadline: 1_900 });
  await settled();
  const [first, second] = bench.executors;
  bench.send(1, 41, { deadline: 1_100 });
  await settled();
  await bench.clock.advanceSettling(200);
  assert.equal(bench.outcome(41), 'deadline_exceeded DEADLINE_EXCEEDED');
  first!.fail(crashed);
  await settled();
  assert.equal(first!.running, undefined);
  await bench.clock.advanceSettling(301);
  assert.equal(bench.outcome(1), 'deadline_exceeded DEADLINE_EXCEEDED');
  await bench.finish(second);
  assert.deepEqual(second!.rows, [8]);
});

test('a batch that crashed two executors is not given to a third', async () => {
  const bench = new BatchingBench({ executors: 3 });
  bench.send(1, 1);
  await settled();
  bench.executors[0]!.fail(crashed, { stayDown: true });
  await settled();
  bench.executors[1]!.fail(crashed, { stayDown: true });
  await settled();
  assert.equal(bench.outcome(1), 'unavailable');
  assert.deepEqual(bench.executors[2]!.rows, []);
});

test('with one executor a crash fails its batch, and the queue goes on when it is back', async () => {
  const bench = new BatchingBench();
  bench.send(1, 1);
  await settled();
  bench.send(1, 2);
  await settled();
  bench.executor.fail(crashed, { stayDown: true });
  await settled();
  assert.equal(bench.outcome(1), 'unavailable');
  assert.equal(bench.outcome(2), undefined);
  bench.executor.setIdle(true);
  await settled();
  await bench.finish();
  assert.deepEqual(bench.outcome(2), [2]);
});

test('a request past its deadline is not tried elsewhere', async () => {
  const bench = new BatchingBench({ executors: 2 });
  bench.send(1, 1, { deadline: 1_050 });
  await settled();
  bench.clock.advance(60);
  bench.executors[0]!.fail(crashed, { stayDown: true });
  await settled();
  assert.deepEqual(bench.executors[1]!.rows, []);
  assert.equal(bench.ended.length, 1);
});

test('a full batch is prepared while the executor is busy, and goes without those who left', async () => {
  const bench = new BatchingBench();
  bench.send(1, 0);
  await settled();
  const calls = Array.from({ length: 8 }, (_, i) => bench.send(1, 10 + i));
  await settled();
  bench.send(1, 20);
  await settled();
  assert.equal(bench.inspection.queuedRequests, 9);
  calls[3]!.cancel();
  await settled();
  assert.equal(bench.outcome(13), 'cancelled CANCELLED');
  await bench.finish();
  assert.deepEqual(bench.executor.rows, [1, 8]);
  await bench.finish();
  assert.deepEqual(bench.outcome(20), [20]);
});

test('a prepared batch expires like any other', async () => {
  const bench = new BatchingBench();
  bench.send(1, 0);
  await settled();
  for (let i = 0; i < 8; i++) bench.send(1, 10 + i, { deadline: 1_050 });
  await settled();
  await bench.clock.advanceSettling(51);
  assert.equal(bench.outcome(17), 'deadline_exceeded DEADLINE_EXCEEDED');
  assert.equal(bench.inspection.queuedRequests, 0);
  await bench.finish();
  assert.deepEqual(bench.executor.rows, [1]);
});
