import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError, type ErrorCode } from '../../../src/errors.ts';
import { BatchingBench, type BenchOptions } from '../../support/batching-bench.ts';
import { buildBatch, buildInput } from '../../support/build-batch.ts';
import { settled } from '../../support/fake-clock.ts';

const lost = new ServingError('unavailable', 'lost', { reason: 'EXECUTOR_LOST' });
const broken = new ServingError('internal', 'inference failed', { reason: 'INFERENCE_FAILED' });
const sample = buildBatch([buildInput('x', 'FP32', [1, 2], [new Uint8Array(8)])]);
const refused = 'unavailable MODEL_BREAKER_OPEN';

/** Runs one request alone and fails it. */
async function failOne(bench: BatchingBench, label: number, error: ServingError): Promise<void> {
  bench.send(1, label);
  await settled();
  bench.executor.fail(error);
  await settled();
}

async function opened(options: BenchOptions = {}): Promise<BatchingBench> {
  const bench = new BatchingBench(options);
  for (let i = 0; i < 3; i++) await failOne(bench, 900 + i, lost);
  assert.equal(bench.inspection.breaker.state, 'open');
  return bench;
}

test('after three lost executors requests are refused at once, with advice, and nothing runs', async () => {
  const bench = await opened();
  const ran = bench.executor.batches.length;
  bench.send(1, 1);
  await settled();
  assert.equal(bench.outcome(1), refused);
  const advice = bench.error(1)!.retryAfterMs ?? 0;
  assert.ok(advice > 2_400 && advice <= 5_000, `${advice}`);
  assert.equal(bench.executor.batches.length, ran);
  assert.deepEqual(
    [
      bench.inspection.breaker.opened,
      bench.inspection.breaker.cause,
      bench.inspection.refused.MODEL_BREAKER_OPEN,
    ],
    [1, 'losses', 1],
  );
});

test('an open breaker refuses in far less than a millisecond', async (t) => {
  const bench = await opened();
  const took: number[] = [];
  for (let i = 2000; i < 3000; i++) {
    const startedAt = performance.now();
    bench.send(1, i);
    await settled();
    took.push(performance.now() - startedAt);
    assert.equal(bench.outcome(i), refused);
  }
  const [median = NaN] = took.toSorted((a, b) => a - b).slice(500);
  t.diagnostic(`${(median * 1000).toFixed(1)} us`);
  assert.ok(median < 1, `${median} ms`);
});

test('a model that fails by itself opens at half of twenty batches', async () => {
  const bench = new BatchingBench();
  for (let i = 0; i < 10; i++) {
    bench.send(1, i);
    await settled();
    await bench.finish();
  }
  for (let i = 10; i < 19; i++) await failOne(bench, i, broken);
  assert.equal(bench.inspection.breaker.state, 'closed');
  await failOne(bench, 19, broken);
  assert.deepEqual([bench.inspection.breaker.state, bench.inspection.breaker.cause], ['open', 'failures']);
});

const innocent: readonly [code: ErrorCode, reason: string][] = [
  ['invalid_argument', 'INPUT_NOT_COMPUTABLE'],
  ['resource_exhausted', 'INFERENCE_OUT_OF_MEMORY'],
  ['unavailable', 'EXECUTOR_BUSY'],
];

for (const [code, reason] of innocent) {
  test(`${reason} says nothing against the model`, async () => {
    const bench = new BatchingBench();
    for (let i = 0; i < 40; i++) await failOne(bench, i, new ServingError(code, 'no', { reason }));
    assert.equal(bench.inspection.breaker.state, 'closed');
  });
}

test('requests that are shed, cancelled or too late say nothing against the model', async () => {
  const bench = new BatchingBench();
  bench.send(1, 0);
  await settled();
  for (let i = 1; i <= 40; i++) bench.send(1, i, { deadline: 1_050 }).cancel();
  for (let i = 41; i <= 80; i++) bench.send(1, i, { deadline: 1_050 });
  await settled();
  await bench.clock.advanceSettling(100);
  await bench.finish();
  assert.equal(bench.ended.length, 81);
  assert.equal(bench.inspection.breaker.state, 'closed');
});

test('one guilty request among many does not open the breaker of its model', async () => {
  const bench = new BatchingBench({
    puppet: {
      compute(batch) {
        const [input] = batch.inputs;
        const data = new Uint8Array(Buffer.concat(input!.parts));
        if (new Float32Array(data.buffer).includes(666)) throw broken;
        return [{ name: 'y', datatype: 'FP32', shape: input!.shape, data }];
      },
    },
  });
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 8; i++) bench.send(1, i === 3 ? 666 : round * 10 + i);
    await settled();
    while (bench.executor.running !== undefined) await bench.finish();
    for (let i = 0; i < 10; i++) {
      bench.send(1, 10_000 + round * 10 + i);
      await settled();
      await bench.finish();
    }
  }
  assert.equal(bench.inspection.breaker.opened, 0);
});

test('what waits when the breaker opens is refused with the rest', async () => {
  const bench = await opened();
  await bench.clock.advanceSettling(5_000);
  bench.send(8, 1);
  await settled();
  assert.deepEqual(bench.executor.rows.slice(-1), [8]);
  assert.equal(bench.inspection.breaker.state, 'half_open');
  bench.executor.fail(lost);
  await settled();
  assert.deepEqual([bench.outcome(1), bench.inspection.breaker.state], ['unavailable EXECUTOR_LOST', 'open']);
});

for (const [error, outcome] of [
  [broken, 'internal INFERENCE_FAILED'],
  [new ServingError('invalid_argument', 'no', { reason: 'INPUT_NOT_COMPUTABLE' }), refused],
] as const) {
  test(`a batch that ends with ${error.reason} after the breaker has opened is not left waiting`, async () => {
    const bench = new BatchingBench({ executors: 2 });
    const [one, other] = bench.executors;
    bench.send(8, 900);
    await settled();
    // Two requests on the second executor, while the first is lost over and over.
    for (const label of [1, 2]) bench.send(4, label);
    await settled();
    assert.deepEqual([one!.running?.rows, other!.running?.rows], [8, 8]);
    for (let i = 1; i <= 3; i++) {
      one!.fail(lost);
      if (i < 3) bench.send(8, 900 + i);
      await settled();
    }
    assert.equal(bench.inspection.breaker.state, 'open');
    other!.fail(error);
    await settled();
    assert.deepEqual([bench.outcome(1), bench.outcome(2)], [outcome, outcome]);
    assert.equal(bench.inspection.queuedRequests, 0);
  });
}

test('half-open, one batch is let through; while it runs others are refused, and its success lets all in', async () => {
  const bench = await opened();
  await bench.clock.advanceSettling(5_000);
  for (let i = 0; i < 3; i++) bench.send(6, i);
  await settled();
  assert.equal(bench.executor.rows.at(-1), 6);
  bench.send(1, 50);
  await settled();
  assert.equal(bench.outcome(50), refused);
  await bench.finish();
  assert.deepEqual([bench.inspection.breaker.state, bench.executor.running?.rows], ['closed', 6]);
  await bench.finish();
  await bench.finish();
  assert.deepEqual(bench.ended.filter(({ label }) => Number(label) < 3).length, 3);
});

test('requests left behind by a trial that fails are refused', async () => {
  const bench = await opened();
  await bench.clock.advanceSettling(5_000);
  for (let i = 0; i < 3; i++) bench.send(6, i);
  await settled();
  bench.executor.fail(broken);
  await settled();
  assert.deepEqual(
    [0, 1, 2].map((label) => bench.outcome(label)),
    ['internal INFERENCE_FAILED', refused, refused],
  );
  assert.equal(bench.inspection.queuedRequests, 0);
});

test('a client’s mistake in a trial decides nothing: the next batch does', async () => {
  const bench = await opened();
  await bench.clock.advanceSettling(5_000);
  await failOne(bench, 1, new ServingError('invalid_argument', 'no', { reason: 'INPUT_NOT_COMPUTABLE' }));
  assert.equal(bench.inspection.breaker.state, 'half_open');
  bench.send(1, 2);
  await settled();
  await bench.finish();
  assert.deepEqual([bench.outcome(2), bench.inspection.breaker.state], [[2], 'closed']);
});

test('the sample that the model was warmed up with runs before any request', async () => {
  const bench = await opened({ sample });
  await bench.clock.advanceSettling(5_000);
  assert.equal(bench.executor.running, sample);
  bench.send(1, 1);
  await settled();
  assert.equal(bench.outcome(1), refused);
  await bench.finish();
  bench.send(1, 2);
  await settled();
  await bench.finish();
  assert.deepEqual([bench.outcome(2), bench.inspection.breaker.state], [[2], 'closed']);
});

test('a sample that fails keeps the model out of service for twice as long, and no request is spent', async () => {
  const bench = await opened({ sample });
  await bench.clock.advanceSettling(5_000);
  bench.executor.fail(broken);
  await settled();
  const { state, cause, opened: times, opensForMs } = bench.inspection.breaker;
  assert.deepEqual([state, cause, times], ['open', 'probe', 2]);
  assert.ok(opensForMs > 4_800 && opensForMs <= 10_000, `${opensForMs}`);
});

test('a sample waits for an executor that is being replaced', async () => {
  const bench = await opened();
  bench.executor.setIdle(false);
  await bench.clock.advanceSettling(5_000);
  bench.send(1, 1);
  await settled();
  assert.equal(bench.outcome(1), refused);
  bench.executor.setIdle(true);
  await settled();
  bench.send(1, 2);
  await settled();
  await bench.finish();
  assert.deepEqual(bench.outcome(2), [2]);
});

test('each version has a breaker of its own', async () => {
  const bench = await opened();
  const other = new BatchingBench();
  other.send(1, 1);
  await settled();
  await other.finish();
  assert.deepEqual([bench.inspection.breaker.state, other.inspection.breaker.state], ['open', 'closed']);
});

test('drained, an open breaker leaves no timer behind', async () => {
  const bench = await opened();
  assert.ok(bench.clock.pending > 0);
  await bench.batcher.drained(bench.target);
  assert.equal(bench.clock.pending, 0);
});
