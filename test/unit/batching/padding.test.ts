import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { PaddingPlan } from '../../../src/batching/padding-plan.ts';
import type { Batch } from '../../../src/inference/executor.ts';
import type { InferRequest } from '../../../src/inference/request.ts';
import type { PaddedSize } from '../../../src/inference/target.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { BatchingBench, type BenchOptions } from '../../support/batching-bench.ts';
import { buildSpec, buildTensorSpec, callAt } from '../../support/build-target.ts';
import { buildRequest } from '../../support/build-request.ts';
import { settled } from '../../support/fake-clock.ts';

const fill = new Uint8Array(new Float32Array([-1]).buffer);

function tokens(overrides: Partial<PaddedSize> = {}): PaddedSize {
  return {
    buckets: undefined,
    padTo: 'longest',
    inputs: [{ name: 'x', axis: 1, fill }],
    outputs: [{ name: 'y', axes: [1] }],
    maskInput: '',
    lengthInput: '',
    ...overrides,
  };
}

const inputs = [buildTensorSpec('x', { dims: [-1] })];
const outputs = [buildTensorSpec('y', { dims: [-1] })];

function benchOf(padding: Partial<PaddedSize> = {}, options: BenchOptions = {}): BatchingBench {
  return new BatchingBench({
    ...options,
    spec: { inputs, outputs, ...options.spec },
    scheduling: { padding: [tokens(padding)], ...options.scheduling },
  });
}

/** A request of rows of `size` floats that count from `first`. */
function sized(size: number, first: number, rows = 1): InferRequest {
  const values = Float32Array.from({ length: rows * size }, (_, index) => first + index);
  const data = new Uint8Array(values.buffer);
  return buildRequest({ inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, size], data }] });
}

function valuesOf(data: Uint8Array): number[] {
  return Array.from(new Float32Array(new Uint8Array(data).buffer));
}

function shapesOf(batches: readonly Batch[]): (readonly number[])[] {
  return batches.map((batch) => batch.inputs[0]!.shape);
}

async function answerOf(bench: BatchingBench, request: InferRequest): Promise<Tensor> {
  const { outputs: answers } = await bench.batcher.submit(bench.target, request, callAt(bench.clock.now()));
  return answers[0]!;
}

test('requests of one bucket share a batch, padded to the longest of them, and get answers of their own size', async () => {
  const bench = benchOf();
  const answers = [sized(5, 10), sized(7, 20), sized(6, 30, 2)].map((request) => answerOf(bench, request));
  await settled();
  assert.deepEqual(shapesOf(bench.executor.batches), [[4, 7]]);
  const input = bench.executor.batches[0]!.inputs[0]!;
  assert.deepEqual(
    valuesOf(Buffer.concat(input.parts)).slice(0, 14),
    [10, 11, 12, 13, 14, -1, -1, 20, 21, 22, 23, 24, 25, 26],
  );
  await bench.finish();
  const [five, seven, six] = await Promise.all(answers);
  assert.deepEqual(
    [five!.shape, valuesOf(five!.data)],
    [
      [1, 5],
      [10, 11, 12, 13, 14],
    ],
  );
  assert.deepEqual(
    [seven!.shape, valuesOf(seven!.data)],
    [
      [1, 7],
      [20, 21, 22, 23, 24, 25, 26],
    ],
  );
  assert.deepEqual(six!.shape, [2, 6]);
  assert.deepEqual(
    valuesOf(six!.data),
    Array.from({ length: 12 }, (_, index) => 30 + index),
  );
});

test('a request alone is not padded', async () => {
  const bench = benchOf();
  const answer = answerOf(bench, sized(5, 0));
  await settled();
  assert.deepEqual(shapesOf(bench.executor.batches), [[1, 5]]);
  await bench.finish();
  assert.deepEqual((await answer).shape, [1, 5]);
});

test('a batch is padded to its bucket where few shapes are wanted', async () => {
  const bench = benchOf({ padTo: 'bucket', buckets: [8, 32] });
  const answer = answerOf(bench, sized(9, 0));
  await settled();
  assert.deepEqual(shapesOf(bench.executor.batches), [[1, 32]]);
  await bench.finish();
  assert.deepEqual(
    [(await answer).shape, valuesOf((await answer).data)],
    [
      [1, 9],
      [0, 1, 2, 3, 4, 5, 6, 7, 8],
    ],
  );
});

test('requests above the last bucket are batched with their like only', async () => {
  const bench = benchOf({ buckets: [4] });
  for (const size of [5, 6, 5]) void answerOf(bench, sized(size, size)).catch(() => undefined);
  await settled();
  assert.deepEqual(shapesOf(bench.executor.batches), [[2, 5]]);
  await bench.finish();
  assert.deepEqual(shapesOf(bench.executor.batches), [
    [2, 5],
    [1, 6],
  ]);
  await bench.finish();
});

test('inputs of one request that disagree on a size are left to the model', async () => {
  const pair = [buildTensorSpec('x', { dims: [-1] }), buildTensorSpec('m', { dims: [-1] })];
  const bench = benchOf(
    {
      inputs: [
        { name: 'x', axis: 1, fill },
        { name: 'm', axis: 1, fill },
      ],
    },
    { spec: { inputs: pair } },
  );
  const [x] = sized(5, 0).inputs;
  const [m] = sized(6, 0).inputs;
  const request = buildRequest({ inputs: [x!, { ...m!, name: 'm' }] });
  for (const one of [request, request]) void answerOf(bench, one).catch(() => undefined);
  await settled();
  assert.deepEqual(
    bench.executor.batches[0]!.inputs.map(({ shape }) => shape),
    [
      [2, 5],
      [2, 6],
    ],
  );
  await bench.finish();
});

test('smaller requests join a larger bucket where that is learned to be cheaper, and wait where it is not', async () => {
  for (const { fixedMs, batches } of [
    { fixedMs: 100, batches: [[4, 15]] },
    {
      fixedMs: 0,
      batches: [
        [2, 15],
        [2, 3],
      ],
    },
  ]) {
    const serviceMs = (batch: Batch): number => fixedMs + batch.rows * (batch.inputs[0]!.shape[1] ?? 0);
    const bench = benchOf();
    for (const size of [3, 15]) {
      for (const rows of [1, 2, 3, 4, 6, 8, 1, 2, 3, 4, 6, 8]) {
        void answerOf(bench, sized(size, 0, rows));
        await settled();
        bench.clock.advance(serviceMs(bench.executor.running!));
        await bench.finish();
      }
    }
    bench.executor.batches.length = 0;
    const answers = [sized(15, 100), sized(3, 200), sized(15, 300), sized(3, 400)].map((request) =>
      answerOf(bench, request),
    );
    await settled();
    while (bench.executor.running !== undefined) await bench.finish();
    assert.deepEqual(shapesOf(bench.executor.batches), batches);
    const shapes = (await Promise.all(answers)).map(({ shape }) => shape);
    assert.deepEqual(shapes, [
      [1, 15],
      [1, 3],
      [1, 15],
      [1, 3],
    ]);
  }
});

test('a model whose output is not as long as its padded inputs is not batched any more', async () => {
  const compute = (batch: Batch): readonly Tensor[] => [
    { name: 'y', datatype: 'FP32', shape: [batch.rows, 2], data: new Uint8Array(batch.rows * 8) },
  ];
  const bench = benchOf({}, { puppet: { compute } });
  for (const size of [5, 6]) bench.submit(sized(size, 0), callAt(bench.clock.now()), String(size));
  await settled();
  await bench.finish();
  assert.equal(bench.outcome(5), 'internal OUTPUT_NOT_BATCHED');
  assert.match(bench.inspection.batchingOffReason, /not as long as its inputs/);
  const again = [5, 6].map((size) => answerOf(bench, sized(size, 0)));
  await settled();
  assert.deepEqual(shapesOf(bench.executor.batches.slice(1)), [[1, 5]]);
  while (bench.executor.running !== undefined) await bench.finish();
  assert.equal((await Promise.all(again)).length, 2);
});

test('a failed batch of different sizes is halved until only the guilty request fails', async () => {
  const compute = (batch: Batch): readonly Tensor[] => {
    const input = batch.inputs[0]!;
    const data = Buffer.concat(input.parts);
    if (valuesOf(data).includes(666)) throw new Error('poison');
    return [{ name: 'y', datatype: 'FP32', shape: input.shape, data }];
  };
  const bench = benchOf({}, { puppet: { compute } });
  for (const [size, first] of [
    [5, 10],
    [6, 20],
    [7, 666],
    [8, 30],
  ] as const) {
    bench.submit(sized(size, first), callAt(bench.clock.now()), String(first));
  }
  await settled();
  while (bench.executor.running !== undefined) await bench.finish();
  assert.equal(bench.outcome(666), 'internal');
  for (const first of [10, 20, 30]) assert.ok(Array.isArray(bench.outcome(first)));
});

test('when batching is found to be off meanwhile, what has left the queue together is still padded', async () => {
  const bench = benchOf();
  for (const size of [5, 6, 7, 8]) bench.submit(sized(size, size), callAt(bench.clock.now()), String(size));
  await settled();
  bench.batcher.switchBatchingOff(bench.target, 'for a reason');
  bench.executor.fail(new Error('one of them'));
  await settled();
  while (bench.executor.running !== undefined) await bench.finish();
  assert.deepEqual(shapesOf(bench.executor.batches), [
    [4, 8],
    [2, 6],
    [2, 8],
  ]);
  for (const size of [5, 6, 7, 8]) assert.ok(Array.isArray(bench.outcome(size)));
});

test('guests that a deadline leaves no room for wait in their own bucket again', async () => {
  const bench = benchOf({ padTo: 'bucket', buckets: [4, 16] });
  for (const size of [4, 16]) {
    for (const rows of [1, 2, 3, 4, 6, 8, 1, 2, 3, 4, 6, 8]) {
      void answerOf(bench, sized(size, 0, rows));
      await settled();
      bench.clock.advance(100 + rows * size);
      await bench.finish();
    }
  }
  bench.executor.batches.length = 0;
  const { target, batcher, clock } = bench;
  const urgent = [1, 2].map(async (first) => {
    const call = callAt(clock.now(), { deadline: clock.now() + 160 });
    return (await batcher.submit(target, sized(3, first), call)).outputs[0]!.shape;
  });
  const patient = [15, 14].map(async (size) => (await answerOf(bench, sized(size, 0))).shape);
  await settled();
  assert.deepEqual(shapesOf(bench.executor.batches), [[2, 4]]);
  await bench.finish();
  assert.deepEqual(shapesOf(bench.executor.batches.slice(1)), [[2, 16]]);
  await bench.finish();
  assert.deepEqual(await Promise.all([...urgent, ...patient]), [
    [1, 3],
    [1, 3],
    [1, 15],
    [1, 14],
  ]);
});

test('padded rows of a batch are bounded in bytes', () => {
  const plan = new PaddingPlan(buildSpec({ inputs, outputs }), [tokens()]);
  const { inputs: small } = sized(1, 0);
  assert.equal(plan.mostRows(small, [2 ** 20]), 16);
  assert.equal(plan.mostRows(small, [2 ** 30]), 1);
});

test('a batch ends where its bucket would need too many bytes', async () => {
  const bench = benchOf({ buckets: [2 ** 22] });
  for (let i = 0; i < 8; i++) void answerOf(bench, sized(1, i));
  await settled();
  await bench.finish();
  assert.deepEqual(bench.executor.rows, [4, 4]);
  await bench.finish();
});

test('models whose requests differ in more than the padded size keep those apart', async () => {
  const bench = benchOf({}, { spec: { inputs: [buildTensorSpec('x', { dims: [-1, -1] })] } });
  const shaped = (shape: readonly number[]): InferRequest => {
    const count = shape.reduce((product, dim) => product * dim, 1);
    return buildRequest({
      inputs: [{ name: 'x', datatype: 'FP32', shape, data: new Uint8Array(4 * count) }],
    });
  };
  for (const shape of [
    [1, 5, 2],
    [1, 6, 2],
    [1, 6, 3],
  ]) {
    void answerOf(bench, shaped(shape)).catch(() => undefined);
  }
  await settled();
  await bench.finish();
  assert.deepEqual(shapesOf(bench.executor.batches), [
    [2, 6, 2],
    [1, 6, 3],
  ]);
  await bench.finish();
});

const requests = fc.array(
  fc.record({
    size: fc.integer({ min: 1, max: 20 }),
    rows: fc.integer({ min: 1, max: 3 }),
    run: fc.boolean(),
  }),
  { minLength: 1, maxLength: 24 },
);
const kinds = fc.record({
  padTo: fc.constantFrom('longest' as const, 'bucket' as const),
  buckets: fc.constantFrom(undefined, [4, 16]),
});

test('whatever comes together, each request gets its own rows back, and no batch is too large', async () => {
  await fc.assert(
    fc.asyncProperty(requests, kinds, fc.integer({ min: 1, max: 30 }), async (given, padding, ms) => {
      const bench = benchOf(padding);
      const sent: { readonly request: InferRequest; readonly answer: Promise<Tensor> }[] = [];
      for (const [index, { size, rows, run }] of given.entries()) {
        const request = sized(size, index * 100, rows);
        sent.push({ request, answer: answerOf(bench, request) });
        await settled();
        if (run && bench.executor.running !== undefined) {
          bench.clock.advance(ms * bench.executor.running.rows);
          await bench.finish();
        }
      }
      while (bench.executor.running !== undefined) {
        bench.clock.advance(ms);
        await bench.finish();
      }
      for (const { request, answer } of sent) {
        const { shape, data } = await answer;
        assert.deepEqual(shape, request.inputs[0]!.shape);
        assert.deepEqual(valuesOf(data), valuesOf(request.inputs[0]!.data));
      }
      for (const {
        rows,
        inputs: [input],
      } of bench.executor.batches) {
        assert.ok(rows <= 8);
        assert.equal(input!.sizeBytes, 4 * input!.shape.reduce((product, dim) => product * dim, 1));
      }
    }),
    { numRuns: 60 },
  );
});
