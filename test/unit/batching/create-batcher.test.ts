import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ServingError } from '../../../src/errors.ts';
import type { Batch } from '../../../src/inference/executor.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { BatchingBench } from '../../support/batching-bench.ts';
import { buildTensorSpec, callAt, firstOfRows, rowsRequest } from '../../support/build-target.ts';
import { settled } from '../../support/fake-clock.ts';

test('requests that arrive together share a batch, and each gets its own rows', async () => {
  const bench = new BatchingBench();
  bench.send(1, 10);
  bench.send(2, 20);
  bench.send(3, 30);
  await settled();
  assert.deepEqual(bench.executor.rows, [6]);
  await bench.finish();
  assert.deepEqual(bench.outcome(10), [10]);
  assert.deepEqual(bench.outcome(20), [20, 21]);
  assert.deepEqual(bench.outcome(30), [30, 31, 32]);
});

test('the parts of a batch are the requests’ own bytes', async () => {
  const bench = new BatchingBench();
  const requests = [rowsRequest(1, 1), rowsRequest(2, 2)];
  for (const request of requests) bench.submit(request, callAt(1_000), '');
  await settled();
  const [input] = bench.executor.running!.inputs;
  assert.deepEqual(input!.shape, [3, 2]);
  assert.equal(input!.sizeBytes, 24);
  for (const [index, request] of requests.entries())
    assert.equal(input!.parts[index], request.inputs[0]!.data);
});

test('what arrives while the executor is busy goes together as soon as it is free', async () => {
  const bench = new BatchingBench();
  bench.send(1, 1);
  await settled();
  bench.send(1, 2);
  await settled();
  bench.send(1, 3);
  await settled();
  assert.deepEqual(bench.executor.rows, [1]);
  await bench.finish();
  assert.deepEqual(bench.executor.rows, [1, 2]);
});

test('a batch never exceeds the largest size, and a request that does not fit waits for the next', async () => {
  const bench = new BatchingBench();
  for (const rows of [5, 5, 3]) bench.send(rows, rows * 10);
  await settled();
  assert.deepEqual(bench.executor.rows, [5]);
  await bench.finish();
  assert.deepEqual(bench.executor.rows, [5, 8]);
  await bench.finish();
  assert.equal(bench.ended.length, 3);
});

test('two executors work at the same time', async () => {
  const bench = new BatchingBench({ executors: 2 });
  bench.send(8, 1);
  bench.send(8, 11);
  await settled();
  assert.deepEqual(
    bench.executors.map((executor) => executor.rows),
    [[8], [8]],
  );
});

test('with a limit on running batches, further executors wait', async () => {
  const bench = new BatchingBench({ executors: 2, limits: { runningBatches: 1 } });
  bench.send(8, 1);
  bench.send(8, 11);
  await settled();
  assert.deepEqual(bench.executors[1]!.rows, []);
  await bench.finish();
  assert.equal(bench.executors[0]!.rows.length + bench.executors[1]!.rows.length, 2);
});

test('an inline executor runs everything that came in one turn, in one batch', async () => {
  const bench = new BatchingBench({ puppet: { inline: true } });
  for (let i = 0; i < 6; i++) bench.send(1, i);
  assert.deepEqual(bench.executor.rows, []);
  await settled();
  assert.deepEqual(bench.executor.rows, [6]);
  assert.equal(bench.ended.length, 6);
});

test('inline work that takes long lets the event loop turn in between', async () => {
  const turns: (() => void)[] = [];
  const bench = new BatchingBench({
    nextTurn: (run) => turns.push(run),
    puppet: {
      inline: true,
      compute: (batch) => {
        bench.clock.advance(5);
        return echo(batch);
      },
    },
  });
  for (const first of [0, 10, 20]) bench.send(8, first);
  for (const done of [1, 2, 3]) {
    turns.shift()!();
    await settled();
    assert.equal(bench.executor.rows.length, done);
    assert.equal(bench.ended.length, done);
  }
});

test('a model without a batch dimension runs one request at a time', async () => {
  const bench = new BatchingBench({
    spec: { maxBatchSize: 0, inputs: [buildTensorSpec('x', { dims: [-1, 2] })] },
  });
  bench.send(3, 1);
  bench.send(2, 11);
  await settled();
  assert.deepEqual(bench.executor.batches[0]!.inputs[0]!.shape, [3, 2]);
  assert.equal(bench.executor.batches[0]!.rows, 1);
  await bench.finish();
  await bench.finish();
  assert.deepEqual(bench.outcome(1), [1, 2, 3]);
  assert.deepEqual(bench.outcome(11), [11, 12]);
});

test('without dynamic batching requests go one at a time', async () => {
  const bench = new BatchingBench({ scheduling: { dynamicBatching: false } });
  bench.send(3, 1);
  bench.send(2, 11);
  await settled();
  await bench.finish();
  await bench.finish();
  assert.deepEqual(bench.executor.rows, [3, 2]);
});

test('requests of different shapes never share a batch, and do not block each other', async () => {
  const bench = new BatchingBench({ spec: { inputs: [buildTensorSpec('x', { dims: [-1] })] } });
  const wide = { ...rowsRequest(1), inputs: [{ ...rowsRequest(2).inputs[0]!, shape: [1, 4] }] };
  bench.send(1, 1);
  bench.submit(wide, callAt(1_000), 'wide');
  bench.send(1, 3);
  await settled();
  await bench.finish();
  await bench.finish();
  assert.deepEqual(
    bench.executor.batches.map((batch) => batch.inputs[0]!.shape),
    [
      [2, 2],
      [1, 4],
    ],
  );
});

test('requests for different outputs share a batch that computes the union, each in its own order', async () => {
  const outputs = ['a', 'b', 'c'].map((name) => buildTensorSpec(name));
  const bench = new BatchingBench({ spec: { outputs }, puppet: { compute: echo } });
  const call = (): ReturnType<typeof callAt> => callAt(1_000);
  const one = bench.batcher.submit(
    bench.target,
    rowsRequest(1, 1, { outputs: ['c', 'a'], id: 'one' }),
    call(),
  );
  const two = bench.batcher.submit(bench.target, rowsRequest(1, 2, { outputs: ['a'] }), call());
  await settled();
  assert.deepEqual(bench.executor.running!.outputs, ['a', 'c']);
  await bench.finish();
  const first = await one;
  assert.deepEqual([first.model, first.version, first.id], ['m', '1', 'one']);
  assert.deepEqual(
    first.outputs.map((output) => output.name),
    ['c', 'a'],
  );
  const second = await two;
  assert.deepEqual(
    second.outputs.map((output) => [output.name, ...firstOfRows(output.data)]),
    [['a', 2]],
  );
});

test('a reshape of the configuration is applied to the batch and undone in the answer', async () => {
  const bench = new BatchingBench({
    spec: {
      inputs: [buildTensorSpec('x', { reshape: [1, 2, 1] })],
      outputs: [buildTensorSpec('y', { reshape: [1, 2, 1] })],
    },
  });
  const answer = bench.batcher.submit(bench.target, rowsRequest(2, 5), callAt(1_000));
  bench.send(1, 9);
  await settled();
  assert.deepEqual(bench.executor.running!.inputs[0]!.shape, [3, 1, 2, 1]);
  await bench.finish();
  assert.deepEqual((await answer).outputs[0]!.shape, [2, 2]);
});

test('statistics count batches, rows, requests, queue time and success', async () => {
  const bench = new BatchingBench();
  bench.send(1, 1);
  await settled();
  bench.send(1, 2);
  bench.send(2, 3);
  await settled();
  const { statistics } = bench.target;
  assert.equal(statistics.pending, 2);
  bench.clock.advance(7);
  await bench.finish();
  bench.clock.advance(4);
  await bench.finish();
  assert.deepEqual(statistics.batches, [
    { rows: 1, requests: 1, queueMs: 0, inferMs: 1 },
    { rows: 3, requests: 2, queueMs: 14, inferMs: 1 },
  ]);
  assert.deepEqual(statistics.queueWaits, [0, 7, 7]);
  assert.deepEqual(statistics.successes, [7, 11, 11]);
  assert.deepEqual(statistics.failures, []);
  assert.equal(statistics.pending, 0);
});

test('a target is drained when nothing of it waits or runs, and can be used again', async () => {
  const bench = new BatchingBench();
  await bench.batcher.drained(bench.target);
  bench.send(8, 1);
  bench.send(8, 11);
  const order: string[] = [];
  const waitUntilDrained = async (): Promise<void> => {
    await bench.batcher.drained(bench.target);
    order.push('drained');
  };
  const waiting = waitUntilDrained();
  await settled();
  await bench.finish();
  assert.deepEqual(order, []);
  await bench.finish();
  await waiting;
  assert.deepEqual(order, ['drained']);
  assert.deepEqual(bench.batcher.inspect(), []);
  bench.send(1, 21);
  await settled();
  await bench.finish();
  assert.deepEqual(bench.outcome(21), [21]);
});

test('no timer is left once every target is drained, though a caller had named a deadline', async () => {
  const bench = new BatchingBench();
  bench.submit(rowsRequest(1, 1), callAt(1_000, { deadline: 60_000 }), '');
  await settled();
  await bench.finish();
  await bench.batcher.drained(bench.target);
  assert.equal(bench.clock.pending, 0);
});

test('more rows than the largest batch are refused with the protocol’s text', async () => {
  const bench = new BatchingBench();
  bench.send(9, 1);
  await settled();
  assert.equal(bench.outcome(1), 'invalid_argument BATCH_TOO_LARGE');
  assert.equal(bench.error(1)!.message, "inference request batch-size must be <= 8 for 'm'");
  assert.equal(bench.target.statistics.failures[0]!.reason, 'OTHER');
});

test('more rows than the largest batch are run in parts where rows are independent', async () => {
  const bench = new BatchingBench({ scheduling: { rowIndependent: true } });
  bench.send(19, 1);
  await settled();
  for (let i = 0; i < 3; i++) await bench.finish();
  assert.deepEqual(bench.executor.rows, [8, 8, 3]);
  assert.deepEqual(
    bench.outcome(1),
    Array.from({ length: 19 }, (_, row) => row + 1),
  );
  assert.equal(bench.target.statistics.successes.length, 1);
  assert.equal(
    bench.target.statistics.batches.reduce((sum, { requests }) => sum + requests, 0),
    1,
  );
});

test('when one part of a large request fails, the request does and its other parts are not run', async () => {
  const bench = new BatchingBench({ scheduling: { rowIndependent: true } });
  bench.send(24, 1);
  await settled();
  bench.executor.fail(new ServingError('internal', 'broken'));
  await settled();
  assert.equal(bench.outcome(1), 'internal');
  await bench.finish();
  assert.ok(bench.executor.rows.length <= 2);
  assert.equal(bench.target.statistics.failures.length, 1);
  assert.equal(bench.inspection.queuedRequests, 0);
});

test('outputs that do not follow rows fail the batch and end batching for the target', async () => {
  const scalar: Tensor = { name: 'y', datatype: 'FP32', shape: [1, 2], data: new Uint8Array(8) };
  const bench = new BatchingBench({ puppet: { compute: () => [scalar] } });
  bench.send(1, 1);
  bench.send(1, 2);
  await settled();
  await bench.finish();
  assert.equal(bench.outcome(1), 'internal OUTPUT_NOT_BATCHED');
  assert.equal(bench.outcome(2), 'internal OUTPUT_NOT_BATCHED');
  assert.match(bench.inspection.batchingOffReason, /batch dimension/);
  bench.send(1, 3);
  bench.send(1, 4);
  await settled();
  await bench.finish();
  await bench.finish();
  assert.deepEqual(bench.executor.rows, [2, 1, 1]);
  assert.deepEqual(bench.outcome(4), [0]);
});

test('batching that was switched off from outside stays off', async () => {
  const bench = new BatchingBench();
  bench.batcher.switchBatchingOff(bench.target, 'rows differ');
  bench.send(1, 1);
  bench.send(1, 2);
  await settled();
  await bench.finish();
  assert.deepEqual(bench.executor.rows, [1, 1]);
  assert.equal(bench.inspection.batchingOffReason, 'rows differ');
});

test('a target without executors is unavailable', async () => {
  const bench = new BatchingBench({ executors: 0 });
  bench.send(1, 1);
  await settled();
  assert.equal(bench.outcome(1), 'unavailable NO_INSTANCE');
});

test('costs survive a reload of the same content', async () => {
  const bench = new BatchingBench();
  await bench.learn(8);
  const before = bench.batcher.exportCosts();
  await bench.batcher.drained(bench.target);
  bench.send(1, 1);
  assert.deepEqual(bench.inspection.curves, before[0]!.curves);
  const other = new BatchingBench();
  other.batcher.importCosts(before);
  other.send(1, 1);
  assert.deepEqual(other.inspection.curves, before[0]!.curves);
  await settled();
});

function echo(batch: Batch): readonly Tensor[] {
  const [input] = batch.inputs;
  const data = Buffer.concat(input!.parts);
  return batch.outputs.map((name) => ({ name, datatype: 'FP32', shape: input!.shape, data }));
}
