import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { joinRequests } from '../../../src/batching/join-requests.ts';
import type { Batch } from '../../../src/inference/executor.ts';
import type { InferRequest } from '../../../src/inference/request.ts';
import type { BatchInputKind, RaggedBatching } from '../../../src/inference/target.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { BatchingBench } from '../../support/batching-bench.ts';
import { buildScheduling, buildSpec, buildTensorSpec, callAt } from '../../support/build-target.ts';
import { buildRequest } from '../../support/build-request.ts';
import { settled } from '../../support/fake-clock.ts';

const inputs = [buildTensorSpec('x', { dims: [-1], allowRagged: true })];
const outputs = [buildTensorSpec('y', { dims: [-1] })];

function ragged(kind: BatchInputKind, datatype: 'INT32' | 'FP32' = 'INT32'): RaggedBatching {
  return {
    batchInputs: [{ kind, targets: ['made'], datatype, source: 'x' }],
    scattered: new Map([['y', 'x']]),
  };
}

function floats(shape: readonly number[], first: number): Tensor {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const values = Float32Array.from({ length: count }, (_, index) => first + index);
  return { name: 'x', datatype: 'FP32', shape, data: new Uint8Array(values.buffer) };
}

function request(shape: readonly number[], first = 0): InferRequest {
  return buildRequest({ inputs: [floats(shape, first)] });
}

function made({ inputs: [, input] }: Batch): {
  readonly shape: readonly number[];
  readonly values: number[];
} {
  const data = new Uint8Array(Buffer.concat(input!.parts)).buffer;
  const values = input!.datatype === 'INT32' ? new Int32Array(data) : new Float32Array(data);
  return { shape: input!.shape, values: Array.from<number>(values) };
}

for (const [kind, shape, values] of [
  ['BATCH_ELEMENT_COUNT', [2], [6, 2]],
  ['BATCH_ACCUMULATED_ELEMENT_COUNT', [2], [6, 8]],
  ['BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO', [3], [0, 6, 8]],
  ['BATCH_MAX_ELEMENT_COUNT_AS_SHAPE', [6], [0, 0, 0, 0, 0, 0]],
  ['BATCH_ITEM_SHAPE', [3, 1], [3, 3, 2]],
  ['BATCH_ITEM_SHAPE_FLATTEN', [3], [3, 3, 2]],
] as const) {
  for (const datatype of ['INT32', 'FP32'] as const) {
    test(`${kind} of requests of [2, 3] and [1, 2] is ${values.join()} in ${datatype}`, () => {
      const model = {
        spec: buildSpec({ inputs }),
        scheduling: buildScheduling({ ragged: ragged(kind, datatype) }),
      };
      const { batch } = joinRequests(model, [request([2, 3]), request([1, 2])]);
      assert.deepEqual(made(batch), { shape, values });
      assert.deepEqual(batch.inputs[0]!.shape, [8]);
      assert.equal(batch.rows, 3);
    });
  }
}

test('item shapes hold all dimensions but the batch dimension', () => {
  const spec = buildSpec({ inputs: [buildTensorSpec('x', { dims: [-1, -1], allowRagged: true })] });
  const flat = ragged('BATCH_ITEM_SHAPE_FLATTEN');
  const items = ragged('BATCH_ITEM_SHAPE');
  const requests = [request([2, 3, 1]), request([1, 2, 2])];
  const joined = (one: RaggedBatching): Batch =>
    joinRequests({ spec, scheduling: buildScheduling({ ragged: one }) }, requests).batch;
  assert.deepEqual(made(joined(flat)), { shape: [6], values: [3, 1, 3, 1, 2, 2] });
  assert.deepEqual(made(joined(items)), { shape: [3, 2], values: [3, 1, 3, 1, 2, 2] });
});

function bench(): BatchingBench {
  return new BatchingBench({
    spec: { inputs, outputs },
    scheduling: { ragged: ragged('BATCH_ELEMENT_COUNT') },
  });
}

function answerOf(one: BatchingBench, sent: InferRequest): Promise<Tensor> {
  return one.batcher
    .submit(one.target, sent, callAt(one.clock.now()))
    .then((response) => response.outputs[0]!);
}

test('requests of any size share a batch without padding, and a scattered output goes back in their shapes', async () => {
  const one = bench();
  const answers = [request([1, 3], 10), request([2, 2], 20), request([1, 1], 30)].map((sent) =>
    answerOf(one, sent),
  );
  await settled();
  assert.deepEqual(one.executor.rows, [4]);
  await one.finish();
  const got = await Promise.all(answers);
  assert.deepEqual(
    got.map(({ shape }) => shape),
    [
      [1, 3],
      [2, 2],
      [1, 1],
    ],
  );
  const values = got.map(({ data }) => Array.from(new Float32Array(new Uint8Array(data).buffer)));
  assert.deepEqual(values, [[10, 11, 12], [20, 21, 22, 23], [30]]);
});

test('a request alone is laid out in the same way', async () => {
  const one = bench();
  const answer = answerOf(one, request([1, 3], 5));
  await settled();
  assert.deepEqual(
    one.executor.batches[0]!.inputs.map(({ name, shape }) => [name, shape]),
    [
      ['x', [3]],
      ['made', [1]],
    ],
  );
  await one.finish();
  assert.deepEqual((await answer).shape, [1, 3]);
});

test('a scattered output of another size is the model’s failure, and turns batching off', async () => {
  const compute = (): readonly Tensor[] => [
    { name: 'y', datatype: 'FP32', shape: [7], data: new Uint8Array(28) },
  ];
  const one = new BatchingBench({
    puppet: { compute },
    spec: { inputs, outputs },
    scheduling: { ragged: ragged('BATCH_ELEMENT_COUNT') },
  });
  one.submit(request([1, 3]), callAt(one.clock.now()), 'a');
  await settled();
  await one.finish();
  assert.equal(one.ended[0]!.outcome, 'internal OUTPUT_NOT_BATCHED');
  assert.match(one.inspection.batchingOffReason, /scattered output/);
});

test('an output that is not scattered has a row for each row of the requests', async () => {
  const compute = (batch: Batch): readonly Tensor[] => [
    { name: 'y', datatype: 'FP32', shape: [batch.rows + 1, 1], data: new Uint8Array(4 * batch.rows + 4) },
  ];
  const one = new BatchingBench({
    puppet: { compute },
    spec: { inputs, outputs },
    scheduling: { ragged: { batchInputs: [], scattered: new Map() } },
  });
  one.submit(request([1, 3]), callAt(one.clock.now()), 'a');
  await settled();
  await one.finish();
  assert.equal(one.ended[0]!.outcome, 'internal OUTPUT_NOT_BATCHED');
});

test('inputs that are not ragged must still agree', async () => {
  const one = new BatchingBench({
    spec: { inputs: [...inputs, buildTensorSpec('other', { dims: [-1] })], outputs },
    scheduling: { ragged: ragged('BATCH_ELEMENT_COUNT') },
  });
  const sent = (size: number, other: number): InferRequest =>
    buildRequest({ inputs: [floats([1, size], 0), { ...floats([1, other], 0), name: 'other' }] });
  for (const each of [sent(1, 2), sent(3, 2), sent(2, 4)]) void answerOf(one, each);
  await settled();
  assert.deepEqual(one.executor.rows, [2]);
  await one.finish();
  await one.finish();
  assert.deepEqual(one.executor.rows, [2, 1]);
});

test('whatever is joined is scattered back as it was', () => {
  const shapes = fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 6 })), {
    minLength: 1,
    maxLength: 6,
  });
  const model = {
    spec: buildSpec({ inputs, outputs }),
    scheduling: buildScheduling({ ragged: ragged('BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO') }),
  };
  fc.assert(
    fc.property(shapes, (given) => {
      const requests = given.map((shape, index) => request(shape, index * 100));
      const joined = joinRequests(model, requests);
      const x = joined.batch.inputs[0]!;
      const result = joined.split([
        { name: 'y', datatype: 'FP32', shape: x.shape, data: Buffer.concat(x.parts) },
      ]);
      assert.ok(typeof result !== 'string');
      for (const [index, [y]] of result.entries()) {
        assert.deepEqual(y!.shape, given[index]);
        assert.ok(Buffer.from(y!.data).equals(requests[index]!.inputs[0]!.data));
      }
    }),
  );
});

test('fixed dimensions of a scattered output stay as the configuration says', () => {
  const model = {
    spec: buildSpec({ inputs, outputs: [buildTensorSpec('y', { dims: [2] })] }),
    scheduling: buildScheduling({ ragged: ragged('BATCH_ELEMENT_COUNT') }),
  };
  const joined = joinRequests(model, [request([1, 3]), request([2, 5])]);
  const y = { ...floats([6], 0), name: 'y' };
  const result = joined.split([y]);
  assert.ok(typeof result !== 'string');
  assert.deepEqual(
    result.map(([own]) => own!.shape),
    [
      [1, 2],
      [2, 2],
    ],
  );
});
