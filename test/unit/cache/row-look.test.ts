import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InferRequest } from '../../../src/inference/request.ts';
import type { InferResponse } from '../../../src/inference/response.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { callAt, firstOfRows, principalNamed, rowsRequest } from '../../support/build-target.ts';
import { CachedModel, type CachedModelOptions } from '../../support/cached-model.ts';

function rowwise(options: CachedModelOptions = {}): CachedModel {
  return new CachedModel({ scheduling: { rowIndependent: true }, ...options });
}

/** Rows with these values, in this order. */
function request(...values: number[]): InferRequest {
  const floats = new Float32Array(values.length * 2);
  for (const [row, value] of values.entries()) floats[row * 2] = value;
  const data = new Uint8Array(floats.buffer);
  return { ...rowsRequest(1), inputs: [{ name: 'x', datatype: 'FP32', shape: [values.length, 2], data }] };
}

function valuesOf({ outputs }: InferResponse): readonly number[] {
  assert.equal(outputs[0]?.shape[0], (outputs[0]?.data.length ?? 0) / 8);
  return firstOfRows(outputs[0]?.data ?? new Uint8Array(0));
}

function executed(model: CachedModel): readonly (readonly number[])[] {
  return model.runs.map(({ request: { inputs } }) => firstOfRows(inputs[0]?.data ?? new Uint8Array(0)));
}

test('only rows that were not asked before are computed, and the answer has all in order', async () => {
  const model = rowwise();
  await model.computed(request(1, 2, 3), callAt(1000));
  const answer = await model.computed(request(4, 2, 5, 1), callAt(1000));
  assert.deepEqual(valuesOf(answer), [4, 2, 5, 1]);
  assert.deepEqual(executed(model), [
    [1, 2, 3],
    [4, 5],
  ]);
  assert.equal(answer.parameters.get('cache_hit'), undefined);
  assert.deepEqual(model.reading().rows, { found: 2, repeated: 0, computed: 5 });
});

test('a request whose rows are all known is not executed, and says so', async () => {
  const model = rowwise();
  await model.computed(request(1, 2, 3), callAt(1000));
  const answer = await model.submit(request(3, 1), callAt(1000));
  assert.deepEqual(valuesOf(answer), [3, 1]);
  assert.equal(answer.parameters.get('cache_hit'), true);
  assert.equal(model.runs.length, 1);
  assert.equal(model.statistics.hits, 1);
});

test('a request of one row is found among the rows of others, and theirs among such requests', async () => {
  const model = rowwise();
  await model.computed(request(1, 2), callAt(1000));
  assert.deepEqual(valuesOf(await model.submit(request(2), callAt(1000))), [2]);
  await model.computed(request(9), callAt(1000));
  assert.deepEqual(valuesOf(await model.submit(request(9, 1), callAt(1000))), [9, 1]);
  assert.equal(model.runs.length, 2);
});

test('equal rows of a request are computed once', async () => {
  const model = rowwise();
  const answer = await model.computed(request(7, 7, 8, 7), callAt(1000));
  assert.deepEqual(valuesOf(answer), [7, 7, 8, 7]);
  assert.deepEqual(executed(model), [[7, 8]]);
  assert.deepEqual(model.reading().rows, { found: 0, repeated: 2, computed: 2 });
});

test('rows are told apart by caller and by outputs that are asked for', async () => {
  const model = rowwise();
  await model.computed(request(1, 2), callAt(1000, { principal: principalNamed('one') }));
  await model.computed(request(1, 2), callAt(1000, { principal: principalNamed('two') }));
  const outputs = [{ name: 'y', parameters: new Map() }];
  await model.computed({ ...request(1, 2), outputs }, callAt(1000, { principal: principalNamed('one') }));
  assert.equal(model.runs.length, 3);
});

test('a model that does not say that its rows are independent is cached by whole requests', async () => {
  const model = new CachedModel();
  await model.computed(request(1, 2), callAt(1000));
  await model.computed(request(2, 1), callAt(1000));
  assert.deepEqual(executed(model), [
    [1, 2],
    [2, 1],
  ]);
});

test('equal requests of many rows that come together are executed once', async () => {
  const model = rowwise();
  const answers = [1, 2, 3].map(() => model.submit(request(1, 2), callAt(1000)));
  assert.equal(model.runs.length, 1);
  model.runs[0]?.succeed();
  assert.deepEqual((await Promise.all(answers)).map(valuesOf), [
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
});

/** One number for all rows: not what the configuration says. */
const sum = (input: Tensor): Tensor => ({ ...input, name: 'y', shape: [1, 2], data: input.data.slice(0, 8) });

test('a model whose outputs do not follow its rows is answered whole, and cached by whole requests from then on', async () => {
  const model = rowwise({ compute: sum });
  await model.computed(request(5), callAt(1000));
  const first = model.submit(request(5, 6, 7), callAt(1000));
  model.runs.at(-1)?.succeed();
  await new Promise(setImmediate);
  model.runs.at(-1)?.succeed();
  assert.deepEqual(firstOfRows((await first).outputs[0]!.data), [5]);
  assert.deepEqual(executed(model), [[5], [6, 7], [5, 6, 7]]);
  await model.computed(request(5, 6, 7), callAt(1000));
  assert.deepEqual(valuesOf(await model.submit(request(5, 6, 7), callAt(1000))), [5]);
  assert.equal(model.runs.length, 4);
});

test('a failure of some rows fails the request, and nothing of it is kept', async () => {
  const model = rowwise();
  const answer = model.submit(request(1, 2), callAt(1000));
  model.runs[0]?.fail(new Error('broken'));
  await assert.rejects(answer, { code: 'internal' });
  assert.equal(model.reading().entries, 0);
});

test('rows whose time is up are computed anew', async () => {
  const model = rowwise({ ttlMs: 100, random: () => 1 });
  await model.computed(request(1), callAt(1000));
  model.clock.advance(60);
  await model.computed(request(1, 2), callAt(1060));
  model.clock.advance(60);
  await model.computed(request(1, 2), callAt(1120));
  assert.deepEqual(executed(model), [[1], [2], [1]]);
});
