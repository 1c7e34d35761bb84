import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import type { Batch } from '../../../src/inference/executor.ts';
import type { ModelSpec } from '../../../src/inference/model-spec.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { disagreement } from '../../../src/batching/agreement.ts';
import { checkBatching } from '../../../src/models/check-batching.ts';
import { buildSpec, buildTensorSpec } from '../../support/build-target.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';

function check(
  spec: ModelSpec,
  compute?: (batch: Batch) => readonly Tensor[],
): { readonly verdict: Promise<string>; readonly executor: PuppetExecutor } {
  const executor = new PuppetExecutor({ inline: true, ...(compute === undefined ? {} : { compute }) });
  return { verdict: checkBatching(spec, executor, disagreement), executor };
}

function valuesOf({ inputs: [input] }: Batch): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.concat(input?.parts ?? [])).buffer);
}

/** A model that takes the mean over its rows away: what one gets depends on the others. */
function centred(batch: Batch): readonly Tensor[] {
  const values = valuesOf(batch);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const data = new Uint8Array(values.map((value) => value - mean).buffer);
  return [{ name: 'y', datatype: 'FP32', shape: [batch.rows, 2], data }];
}

test('rows that do not mind each other may share a batch', async () => {
  const { verdict, executor } = check(buildSpec());
  assert.equal(await verdict, '');
  assert.deepEqual(executor.rows, [1, 1, 1, 3]);
});

test('the rows that are compared differ from each other', async () => {
  const { verdict, executor } = check(buildSpec());
  await verdict;
  const rows = executor.batches.slice(0, 3).map((batch) => valuesOf(batch).join());
  assert.equal(new Set(rows).size, 3);
});

test('rows that influence each other may not', async () => {
  assert.match(await check(buildSpec(), centred).verdict, /output 'y'/);
});

test('two rows are enough where the model takes no more', async () => {
  const { verdict, executor } = check(buildSpec({ maxBatchSize: 2 }), centred);
  assert.notEqual(await verdict, '');
  assert.deepEqual(executor.rows, [1, 1, 2]);
});

test('a model that takes one row is not asked', async () => {
  const { verdict, executor } = check(buildSpec({ maxBatchSize: 1 }));
  assert.equal(await verdict, '');
  assert.deepEqual(executor.rows, []);
});

test('a model that is very large a row is not asked', async () => {
  const { verdict, executor } = check(buildSpec({ inputs: [buildTensorSpec('x', { dims: [4096, 4096] })] }));
  assert.equal(await verdict, '');
  assert.deepEqual(executor.rows, []);
});

test('a model that refuses the made-up values is batched; one whose instance dies is not loaded', async () => {
  const failing = (code: 'invalid_argument' | 'unavailable') => (): never => {
    throw new ServingError(code, 'no');
  };
  assert.equal(await check(buildSpec(), failing('invalid_argument')).verdict, '');
  await assert.rejects(check(buildSpec(), failing('unavailable')).verdict, { code: 'unavailable' });
});
