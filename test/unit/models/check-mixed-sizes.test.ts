import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disagreement } from '../../../src/batching/agreement.ts';
import { joinRequests } from '../../../src/batching/join-requests.ts';
import { ServingError } from '../../../src/errors.ts';
import type { Batch } from '../../../src/inference/executor.ts';
import type { PaddedSize, Scheduling } from '../../../src/inference/target.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { checkPadding, checkRaggedBatch } from '../../../src/models/check-mixed-sizes.ts';
import { buildScheduling, buildSpec, buildTensorSpec } from '../../support/build-target.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';

const tools = { joinRequests, compareRows: disagreement };
const x = buildTensorSpec('x', { dims: [-1] });
const mask = buildTensorSpec('mask', { dims: [-1], datatype: 'INT64' });
const length = buildTensorSpec('length', { dims: [1], datatype: 'INT32' });
const y = buildTensorSpec('y', { dims: [-1] });
const spec = buildSpec({ inputs: [x, mask, length], outputs: [y] });

function padded(overrides: Partial<PaddedSize> = {}): Scheduling {
  const size: PaddedSize = {
    buckets: undefined,
    padTo: 'longest',
    inputs: [
      { name: 'x', axis: 1, fill: new Uint8Array(4) },
      { name: 'mask', axis: 1, fill: new Uint8Array(8) },
    ],
    outputs: [{ name: 'y', axes: [1] }],
    maskInput: 'mask',
    lengthInput: 'length',
    ...overrides,
  };
  return buildScheduling({ padding: [size] });
}

function floats(batch: Batch): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.concat(batch.inputs[0]!.parts)).buffer);
}

/** Each element less the mean of its row: over all of it, or over what the mask calls real. */
function centred(batch: Batch, masked: boolean): readonly Tensor[] {
  const [rows = 0, size = 0] = batch.inputs[0]!.shape;
  const values = floats(batch);
  const real = new BigInt64Array(new Uint8Array(Buffer.concat(batch.inputs[1]!.parts)).buffer);
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    let count = 0;
    for (let i = row * size; i < (row + 1) * size; i++) {
      if (masked && real[i] === 0n) continue;
      sum += values[i]!;
      count += 1;
    }
    for (let i = row * size; i < (row + 1) * size; i++) result[i] = values[i]! - sum / count;
  }
  return [{ name: 'y', datatype: 'FP32', shape: [rows, size], data: new Uint8Array(result.buffer) }];
}

function executorOf(compute: (batch: Batch) => readonly Tensor[]): PuppetExecutor {
  return new PuppetExecutor({ inline: true, compute });
}

test('a model that minds its mask may be padded', async () => {
  const executor = executorOf((batch) => centred(batch, true));
  assert.equal(await checkPadding({ spec, scheduling: padded() }, executor, tools), '');
  assert.deepEqual(
    executor.batches.map(({ inputs }) => inputs[0]!.shape),
    [
      [3, 16],
      [1, 6],
      [1, 16],
      [1, 11],
    ],
  );
});

test('the made-up requests say how long they are', async () => {
  const executor = executorOf((batch) => centred(batch, true));
  await checkPadding({ spec, scheduling: padded() }, executor, tools);
  const [together] = executor.batches;
  const lengths = Buffer.concat(together!.inputs[2]!.parts);
  assert.deepEqual(
    [0, 4, 8].map((at) => lengths.readInt32LE(at)),
    [6, 16, 11],
  );
  const real = Buffer.concat(together!.inputs[1]!.parts);
  const marked = Array.from({ length: 16 }, (_, at) => real.readBigInt64LE(at * 8));
  assert.deepEqual(marked, [...Array.from({ length: 6 }, () => 1n), ...Array.from({ length: 10 }, () => 0n)]);
});

test('a model that computes with the padding may not', async () => {
  const verdict = await checkPadding(
    { spec, scheduling: padded() },
    executorOf((batch) => centred(batch, false)),
    tools,
  );
  assert.match(verdict, /output 'y' depends on/);
});

test('a model whose longer output is not cut back may not', async () => {
  const verdict = await checkPadding(
    { spec, scheduling: padded({ outputs: [] }) },
    executorOf((batch) => centred(batch, true)),
    tools,
  );
  assert.match(verdict, /output 'y' has another shape/);
});

test('sizes are those of the first bucket that shows something', async () => {
  const executor = executorOf((batch) => centred(batch, true));
  const scheduling = padded({ buckets: [2, 40, 80], padTo: 'bucket' });
  assert.equal(await checkPadding({ spec, scheduling }, executor, tools), '');
  assert.deepEqual(executor.batches[0]!.inputs[0]!.shape, [3, 40]);
});

test('a model that takes one row is checked with one request that is padded', async () => {
  const executor = executorOf((batch) => centred(batch, false));
  const one = { spec: { ...spec, maxBatchSize: 1 }, scheduling: padded({ padTo: 'bucket' }) };
  assert.notEqual(await checkPadding(one, executor, tools), '');
  assert.deepEqual(executor.rows, [1, 1]);
});

test('what refuses the made-up requests is not padded, and says so', async () => {
  const executor = executorOf(() => {
    throw new ServingError('invalid_argument', 'no');
  });
  assert.match(await checkPadding({ spec, scheduling: padded() }, executor, tools), /refuses the made-up/);
});

test('an executor that is lost fails the load instead', async () => {
  const executor = executorOf(() => {
    throw new ServingError('unavailable', 'gone');
  });
  await assert.rejects(checkPadding({ spec, scheduling: padded() }, executor, tools), {
    code: 'unavailable',
  });
});

const raggedSpec = buildSpec({ inputs: [buildTensorSpec('x', { dims: [-1], allowRagged: true })] });
const ragged = buildScheduling({
  ragged: {
    batchInputs: [{ kind: 'BATCH_ELEMENT_COUNT', targets: ['counts'], datatype: 'INT32', source: 'x' }],
    scattered: new Map(),
  },
});

/** The sum of each request, found by the counts; or the first half of all elements for each. */
function sums(batch: Batch, counted: boolean): readonly Tensor[] {
  const values = floats(batch);
  const counts = new Int32Array(new Uint8Array(Buffer.concat(batch.inputs[1]!.parts)).buffer);
  let at = 0;
  const result = Float32Array.from(counts, (count) => {
    const own = counted ? values.slice(at, at + count) : values;
    at += count;
    return own.reduce((sum, value) => sum + value, 0);
  });
  return [{ name: 'y', datatype: 'FP32', shape: [batch.rows, 1], data: new Uint8Array(result.buffer) }];
}

test('a ragged model that keeps requests apart may batch', async () => {
  const executor = executorOf((batch) => sums(batch, true));
  assert.equal(await checkRaggedBatch({ spec: raggedSpec, scheduling: ragged }, executor, tools), '');
  assert.deepEqual(
    executor.batches[0]!.inputs.map(({ shape }) => shape),
    [[9], [3]],
  );
});

test('one that mixes them up may not', async () => {
  const executor = executorOf((batch) => sums(batch, false));
  const verdict = await checkRaggedBatch({ spec: raggedSpec, scheduling: ragged }, executor, tools);
  assert.match(verdict, /output 'y' depends on/);
});
