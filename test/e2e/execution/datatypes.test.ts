import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModelOpener } from '../../../src/execution/model-opener.ts';
import { decodeStrings, encodeStrings } from '../../../src/execution/string-elements.ts';
import type { Datatype } from '../../../src/inference/datatype.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { buildBatch, buildInput, buildPlan, unaligned } from '../../support/build-batch.ts';

const openModel = createModelOpener({ clock: systemClock, logger: silentLogger });

/** Four elements of each type, extreme ones among them, as two rows. */
const elements: Readonly<Record<Exclude<Datatype, 'BF16' | 'BYTES'>, ArrayBufferView>> = {
  BOOL: Uint8Array.of(0, 1, 1, 0),
  UINT8: Uint8Array.of(0, 1, 254, 255),
  UINT16: Uint16Array.of(0, 1, 65_534, 65_535),
  UINT32: Uint32Array.of(0, 1, 2 ** 31, 2 ** 32 - 1),
  UINT64: BigUint64Array.of(0n, 1n, 2n ** 63n, 2n ** 64n - 1n),
  INT8: Int8Array.of(-128, -1, 0, 127),
  INT16: Int16Array.of(-32_768, -1, 0, 32_767),
  INT32: Int32Array.of(-(2 ** 31), -1, 0, 2 ** 31 - 1),
  INT64: BigInt64Array.of(-(2n ** 63n), -1n, 0n, 2n ** 63n - 1n),
  FP16: Uint16Array.of(0x3c00, 0xfc00, 0x7e01, 0x0001),
  FP32: Float32Array.of(-0, 1e-45, Infinity, Math.PI),
  FP64: Float64Array.of(-0, 5e-324, -Infinity, Math.E),
};

for (const placement of ['thread', 'inline'] as const) {
  for (const [datatype, values] of Object.entries(elements) as [keyof typeof elements, ArrayBufferView][]) {
    test(`${datatype} passes bit for bit, unaligned and in two parts, ${placement}`, async () => {
      await using model = await openModel(buildPlan(`identity_${datatype.toLowerCase()}`, { placement }));
      const executor = model.executors[0]!;
      assert.equal(model.metadata.inputs[0]!.datatype, datatype);
      const bytes = unaligned(values);
      const half = bytes.byteLength / 2;
      const parts = [bytes.subarray(0, half), bytes.subarray(half)];
      const batch = buildBatch([buildInput('x', datatype, [2, 2], parts)], ['y'], 2);
      for (const result of [await executor.run(batch), await executor.run(batch)]) {
        const { data, ...rest } = result.outputs[0]!;
        assert.deepEqual(rest, { name: 'y', datatype, shape: [2, 2] });
        assert.deepEqual([...data], [...bytes]);
      }
    });
  }

  test(`BYTES pass as UTF-8 strings, ${placement}`, async () => {
    await using model = await openModel(buildPlan('identity_string', { placement }));
    const wire = encodeStrings(['', 'plain', 'żółw 🐢', 'x'.repeat(70_000)]);
    const batch = buildBatch([buildInput('x', 'BYTES', [2, 2], [wire.subarray(0, 20), wire.subarray(20)])]);
    const { outputs } = await model.executors[0]!.run(batch);
    assert.deepEqual([...outputs[0]!.data], [...wire]);
    assert.deepEqual(decodeStrings('y', outputs[0]!.data, 4).length, 4);
  });

  test(`BYTES that are no strings fail alone and leave the executor usable, ${placement}`, async () => {
    await using model = await openModel(buildPlan('identity_string', { placement }));
    const executor = model.executors[0]!;
    const bad = buildBatch([buildInput('x', 'BYTES', [1, 1], [Uint8Array.of(1, 0, 0, 0, 0xff)])]);
    await assert.rejects(executor.run(bad), {
      code: 'invalid_argument',
      message: "element 0 of BYTES input 'x' is not valid UTF-8",
    });
    const good = buildBatch([buildInput('x', 'BYTES', [1, 1], [encodeStrings(['ok'])])]);
    assert.equal((await executor.run(good)).outputs[0]!.data.byteLength, 6);
  });
}

test('a bfloat16 model is refused at load, with what to do', async () => {
  await assert.rejects(openModel(buildPlan('identity_bf16')), {
    code: 'failed_precondition',
    reason: 'UNSUPPORTED_TYPE',
    message:
      "tensor 'x' is of type bfloat16, which onnxruntime-node cannot carry; convert the model (for example to float32)",
  });
});
