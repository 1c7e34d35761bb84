import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asksForClasses, classify } from '../../../src/classification/classify.ts';
import type { Datatype } from '../../../src/inference/datatype.ts';
import type { ModelSpec } from '../../../src/inference/model-spec.ts';
import { noParameters } from '../../../src/inference/request.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { buildRequest } from '../../support/build-request.ts';
import { buildSpec, buildTensorSpec } from '../../support/build-target.ts';
import { refusalOf } from '../../support/refusal.ts';
import { unaligned } from '../../support/build-batch.ts';

function asking(count: number) {
  return buildRequest({ outputs: [{ name: 'y', parameters: new Map([['classification', count]]) }] });
}

function elementsOf({ data }: Tensor): readonly string[] {
  const buffer = Buffer.from(data);
  const elements: string[] = [];
  for (let at = 0; at < buffer.length;) {
    const length = buffer.readUInt32LE(at);
    elements.push(buffer.toString('utf8', at + 4, at + 4 + length));
    at += 4 + length;
  }
  return elements;
}

function classes(count: number, tensor: Tensor, overrides: Partial<ModelSpec> = {}): Tensor {
  const response = { model: 'm', version: '1', id: 'i', outputs: [tensor], parameters: noParameters };
  const answer = classify(buildSpec(overrides), asking(count), response);
  assert.equal(answer.id, 'i');
  return answer.outputs[0]!;
}

function scores(elements: ArrayBufferView, shape: readonly number[], datatype: Datatype = 'FP32'): Tensor {
  return { name: 'y', datatype, shape, data: unaligned(elements) };
}

test('the best classes of each row come first, as score, index and label', () => {
  const outputs = [buildTensorSpec('y', { dims: [3], labels: ['cat', 'dog', 'größer'] })];
  const answer = classes(2, scores(Float32Array.of(0.25, 0.5, 0.125, -1, 0, 3), [2, 3]), { outputs });
  assert.equal(answer.datatype, 'BYTES');
  assert.deepEqual(answer.shape, [2, 2]);
  assert.deepEqual(elementsOf(answer), [
    '0.500000:1:dog',
    '0.250000:0:cat',
    '3.000000:2:größer',
    '0.000000:1:dog',
  ]);
});

test('a model without labels gives score and index, and no more classes than it has', () => {
  const answer = classes(10, scores(Float64Array.of(1, 2), [1, 2], 'FP64'));
  assert.deepEqual(answer.shape, [1, 2]);
  assert.deepEqual(elementsOf(answer), ['2.000000:1', '1.000000:0']);
});

test('a model without a batch dimension has one list', () => {
  const answer = classes(1, scores(Float32Array.of(1, 5, 2, 3), [2, 2]), { maxBatchSize: 0 });
  assert.deepEqual(answer.shape, [1]);
  assert.deepEqual(elementsOf(answer), ['5.000000:1']);
});

test('equal scores keep their order, and what is no number goes last', () => {
  const answer = classes(5, scores(Float32Array.of(Number.NaN, 1, 2, 2, -Infinity), [1, 5]));
  assert.deepEqual(elementsOf(answer), ['2.000000:2', '2.000000:3', '1.000000:1', '-inf:4', 'nan:0']);
});

const integers: readonly (readonly [Datatype, ArrayBufferView, string])[] = [
  ['INT8', Int8Array.of(-1, 7), '7:1'],
  ['UINT8', Uint8Array.of(200, 7), '200:0'],
  ['INT16', Int16Array.of(-300, 7), '7:1'],
  ['UINT16', Uint16Array.of(60_000, 7), '60000:0'],
  ['INT32', Int32Array.of(-70_000, 7), '7:1'],
  ['UINT32', Uint32Array.of(4_000_000_000, 7), '4000000000:0'],
  ['INT64', BigInt64Array.of(-(2n ** 62n), 2n ** 53n + 1n), '9007199254740993:1'],
  ['UINT64', BigUint64Array.of(2n ** 64n - 1n, 7n), '18446744073709551615:0'],
];

for (const [datatype, elements, best] of integers) {
  test(`scores of ${datatype} are ranked and printed exactly`, () => {
    assert.deepEqual(elementsOf(classes(1, scores(elements, [1, 2], datatype))), [best]);
  });
}

test('a few of very many classes are the ones that sorting all would give', () => {
  const values = Float32Array.from({ length: 5000 }, (_, i) => (i * 7919) % 5003);
  const sorted = [...values.keys()].sort((a, b) => values[b]! - values[a]!).slice(0, 50);
  const answer = classes(50, scores(values, [1, 5000]));
  assert.deepEqual(
    elementsOf(answer).map((element) => Number(element.split(':')[1])),
    sorted,
  );
});

test('huge floats are printed without exponents', () => {
  assert.match(elementsOf(classes(1, scores(Float32Array.of(3e38), [1, 1])))[0]!, /^\d{39}\.000000:0$/);
});

test('an output of more than a million scores is refused', () => {
  const tensor: Tensor = { name: 'y', datatype: 'UINT8', shape: [1, 1_000_001], data: new Uint8Array(0) };
  assert.equal(refusalOf(() => classes(1, tensor)).code, 'invalid_argument');
});

test('only outputs that ask for classes are changed', () => {
  assert.equal(asksForClasses(buildRequest({ outputs: ['y'] })), false);
  assert.equal(asksForClasses(buildRequest()), false);
  assert.equal(asksForClasses(asking(1)), true);
  const y = scores(Float32Array.of(1), [1, 1]);
  const other = { ...y, name: 'other' };
  const response = { model: 'm', version: '1', id: '', outputs: [other, y], parameters: noParameters };
  const answer = classify(buildSpec(), asking(1), response);
  assert.equal(answer.outputs[0], other);
  assert.equal(answer.outputs[1]?.datatype, 'BYTES');
});
