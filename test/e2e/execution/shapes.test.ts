import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModelOpener } from '../../../src/execution/model-opener.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { buildBatch, buildInput, buildPlan, mlpBatch, unaligned } from '../../support/build-batch.ts';

const openModel = createModelOpener({ clock: systemClock, logger: silentLogger });

function floats(data: Uint8Array): number[] {
  return [...new Float32Array(Uint8Array.from(data).buffer)];
}

for (const placement of ['thread', 'inline'] as const) {
  test(`scalars go in and come out with the empty shape, ${placement}`, async () => {
    await using model = await openModel(buildPlan('scalar_scale', { placement }));
    const inputs = [
      buildInput('factor', 'FP32', [], [unaligned(Float32Array.of(3))]),
      buildInput('x', 'FP32', [2], [unaligned(Float32Array.of(1, 2))]),
    ];
    const { outputs } = await model.executors[0]!.run(buildBatch(inputs, ['total', 'y']));
    assert.deepEqual(
      outputs.map(({ name, shape, data }) => [name, shape, floats(data)]),
      [
        ['total', [], [9]],
        ['y', [2], [3, 6]],
      ],
    );
  });

  test(`a batch of no rows has outputs of no rows, ${placement}`, async () => {
    await using model = await openModel(buildPlan('mlp16', { placement }));
    const { outputs } = await model.executors[0]!.run(mlpBatch(0));
    assert.deepEqual([outputs[0]!.shape, outputs[0]!.data.byteLength], [[0, 4], 0]);
  });

  test(`rows give the same values whatever batch they come in, and whatever came before, ${placement}`, async () => {
    await using model = await openModel(buildPlan('mlp16', { placement }));
    const executor = model.executors[0]!;
    const alone = floats((await executor.run(mlpBatch(1, 0.25))).outputs[0]!.data);
    for (const rows of [3, 1, 32, 500, 2, 3]) {
      const values = floats((await executor.run(mlpBatch(rows, 0.25))).outputs[0]!.data);
      assert.equal(values.length, 4 * rows);
      for (const [at, value] of values.entries()) assert.ok(Math.abs(value - alone[at % 4]!) < 1e-5);
    }
  });

  test(`a result stays what it was while later batches run, ${placement}`, async () => {
    await using model = await openModel(buildPlan('identity_fp32', { placement }));
    const executor = model.executors[0]!;
    for (const count of [4, 40_000]) {
      const run = (value: number) =>
        executor.run(
          buildBatch([buildInput('x', 'FP32', [1, count], [unaligned(new Float32Array(count).fill(value))])]),
        );
      const first = await run(1);
      await run(2);
      await run(3);
      assert.deepEqual([...new Set(floats(first.outputs[0]!.data))], [1]);
    }
  });

  test(`an input with a default may be absent, ${placement}`, async () => {
    await using model = await openModel(buildPlan('default_input', { placement }));
    const batch = buildBatch([buildInput('x', 'FP32', [1, 2], [unaligned(Float32Array.of(1, 2))])]);
    const { outputs } = await model.executors[0]!.run(batch);
    assert.deepEqual(floats(outputs[0]!.data), [11, 22]);
  });

  test(`a sequence output is told by the metadata and does not hinder the tensor beside it, ${placement}`, async () => {
    await using model = await openModel(buildPlan('sequence_output', { placement }));
    assert.deepEqual(model.metadata.outputs, [
      { name: 'y', datatype: 'FP32', shape: ['n'] },
      { name: 'parts', datatype: undefined, shape: [] },
    ]);
    const batch = buildBatch([buildInput('x', 'FP32', [1], [unaligned(Float32Array.of(5))])]);
    assert.deepEqual(floats((await model.executors[0]!.run(batch)).outputs[0]!.data), [5]);
  });

  test(`an input that the graph cannot compute is the client's fault and nobody else's, ${placement}`, async () => {
    await using model = await openModel(buildPlan('lookup', { placement }));
    const executor = model.executors[0]!;
    const at = (index: bigint) =>
      buildBatch([buildInput('index', 'INT64', [1], [unaligned(BigInt64Array.of(index))])], ['row']);
    await assert.rejects(executor.run(at(99n)), {
      code: 'invalid_argument',
      message: 'the model cannot compute an input of these values or shapes',
    });
    assert.ok(executor.idle);
    assert.deepEqual(floats((await executor.run(at(2n))).outputs[0]!.data), [8, 9, 10, 11]);
  });

  test(`a shape other than the model declares is the client's fault, ${placement}`, async () => {
    await using model = await openModel(buildPlan('mlp16', { placement }));
    const batch = buildBatch([buildInput('x', 'FP32', [1, 15], [new Uint8Array(60)])]);
    await assert.rejects(model.executors[0]!.run(batch), { code: 'invalid_argument' });
  });

  test(`an absent input that has no default is the client's fault, ${placement}`, async () => {
    await using model = await openModel(buildPlan('mlp16', { placement }));
    await assert.rejects(model.executors[0]!.run(buildBatch([])), { code: 'invalid_argument' });
  });
}

test('batches that outgrow the shared memory again and again are answered with their own values', async () => {
  await using model = await openModel(buildPlan('identity_fp32'));
  const executor = model.executors[0]!;
  for (let count = 1; count < 300_000; count = Math.ceil(count * 1.4)) {
    const input = buildInput('x', 'FP32', [1, count], [unaligned(new Float32Array(count).fill(count))]);
    const { outputs } = await executor.run(buildBatch([input]));
    const values = floats(outputs[0]!.data);
    assert.deepEqual([values.length, values[0], values.at(-1)], [count, count, count]);
  }
});

test('the metadata names symbolic dimensions', async () => {
  await using model = await openModel(buildPlan('mlp16'));
  assert.deepEqual(model.metadata, {
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 16] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 4] }],
  });
});
