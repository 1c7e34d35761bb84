import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelFeatures } from '../../../../src/inference/features.ts';
import type { Tensor } from '../../../../src/inference/tensor.ts';
import { outcomePlan, readOutcome } from '../../../../src/observability/predictions/read-outcome.ts';
import { buildSpec, buildTensorSpec } from '../../../support/build-target.ts';

function floats(name: string, rows: number, values: readonly number[]): Tensor {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return { name, datatype: 'FP32', shape: [rows, values.length / rows], data };
}

function integers(name: string, values: readonly number[]): Tensor {
  const data = new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);
  return { name, datatype: 'INT64', shape: [values.length, 1], data };
}

function outcomes(
  outputs: readonly Tensor[],
  rows: number,
  features: Partial<ModelFeatures> = {},
): readonly unknown[] {
  const spec = buildSpec({
    outputs: outputs.map(({ name, datatype }) => buildTensorSpec(name, { datatype })),
    features: {
      description: '',
      features: [],
      nonFinite: 'refuse',
      outputs: { prediction: '', probabilities: '', logits: '' },
      classes: [],
      ...features,
    },
  });
  const response = { model: 'm', version: '1', id: '', outputs, parameters: new Map() };
  return Array.from({ length: rows }, (_, row) => {
    const { prediction, confidence } = readOutcome(outcomePlan(spec), response, row, rows);
    return [prediction, confidence];
  });
}

test('the most probable class is the prediction, and its probability the confidence', () => {
  const scores = floats('probabilities', 2, [0.2, 0.8, 0.75, 0.25]);
  assert.deepEqual(outcomes([scores], 2, { classes: ['no', 'yes'] }), [
    ['yes', 0.8],
    ['no', 0.75],
  ]);
});

test('logits become probabilities', () => {
  const scores = floats('y', 1, [0, 0]);
  const outputs = { prediction: '', probabilities: '', logits: 'y' };
  assert.deepEqual(outcomes([scores], 1, { classes: ['a', 'b'], outputs }), [['a', 0.5]]);
});

test('one probability of two classes is that of the second', () => {
  const scores = floats('probabilities', 1, [0.25]);
  assert.deepEqual(outcomes([scores], 1, { classes: ['no', 'yes'] }), [['no', 0.75]]);
});

test('what the model says it predicts stands, with the probability of that', () => {
  const outputs = [integers('label', [1]), floats('probabilities', 1, [0.9, 0.1])];
  assert.deepEqual(outcomes(outputs, 1, { classes: ['no', 'yes'] }), [['yes', 0.1]]);
});

test('one output without classes is the prediction', () => {
  assert.deepEqual(outcomes([floats('y', 2, [1.5, 2.5])], 2), [
    [1.5, null],
    [2.5, null],
  ]);
});

test('several outputs are told by their names', () => {
  assert.deepEqual(outcomes([floats('a', 1, [1, 2]), floats('b', 1, [3])], 1), [[{ a: [1, 2], b: 3 }, null]]);
});

test('of a large output some elements are written', () => {
  const [[prediction]] = outcomes(
    [
      floats(
        'y',
        1,
        Array.from({ length: 1000 }, (_, i) => i),
      ),
    ],
    1,
  ) as [[number[]]];
  assert.equal(prediction.length, 64);
});
