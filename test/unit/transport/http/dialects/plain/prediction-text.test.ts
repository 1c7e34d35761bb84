import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TensorMetadata } from '../../../../../../src/inference/catalog.ts';
import type { ModelFeatures } from '../../../../../../src/inference/features.ts';
import { noParameters } from '../../../../../../src/inference/request.ts';
import type { Tensor } from '../../../../../../src/inference/tensor.ts';
import { planPrediction } from '../../../../../../src/inference/plan-prediction.ts';
import { predictionTexts } from '../../../../../../src/transport/http/dialects/plain/prediction-text.ts';

function floats(name: string, shape: readonly number[], values: readonly number[]): Tensor {
  return { name, datatype: 'FP32', shape, data: new Uint8Array(Float32Array.from(values).buffer) };
}

function longs(name: string, shape: readonly number[], values: readonly number[]): Tensor {
  return { name, datatype: 'INT64', shape, data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) };
}

function texts(name: string, shape: readonly number[], values: readonly string[]): Tensor {
  const data = Buffer.concat(
    values.map((value) => Buffer.from([value.length, 0, 0, 0, ...Buffer.from(value)])),
  );
  return { name, datatype: 'BYTES', shape, data };
}

interface Said {
  readonly outputs?: Partial<ModelFeatures['outputs']>;
  readonly classes?: readonly string[];
  readonly labels?: Readonly<Record<string, readonly string[]>>;
  readonly batched?: boolean;
}

/** The predictions that are read from the outputs of a model, with what its files say. */
function predict(outputs: readonly Tensor[], { labels = {}, batched = true, ...said }: Said = {}): unknown[] {
  const file: ModelFeatures = {
    description: '',
    features: [],
    nonFinite: 'refuse',
    classes: said.classes ?? [],
    outputs: { prediction: '', probabilities: '', logits: '', ...said.outputs },
  };
  const described = outputs.map((output): TensorMetadata => output);
  const plan = planPrediction(described, new Map(Object.entries(labels)), file);
  const response = { model: 'm', version: '1', id: '', outputs, parameters: noParameters };
  return predictionTexts({ response, plan, batched }).map((text): unknown => {
    const { prediction, probabilities, confidence } = JSON.parse(`{${text}}`) as Record<string, unknown>;
    return [prediction, probabilities, confidence];
  });
}

describe('predictions', () => {
  it('of a classifier have probabilities, and the confidence in what the model chose', () => {
    const outputs = [longs('label', [2], [1, 0]), floats('probabilities', [2, 2], [0.75, 0.25, 0.5, 0.5])];
    assert.deepEqual(predict(outputs), [
      [1, [0.75, 0.25], 0.75],
      [0, [0.5, 0.5], 0.5],
    ]);
  });

  it('have class names where classes are named', () => {
    const outputs = [longs('label', [2], [1, 0]), floats('probabilities', [2, 2], [0.75, 0.25, 0.5, 0.5])];
    const named = [
      ['no', { yes: 0.75, no: 0.25 }, 0.25],
      ['yes', { yes: 0.5, no: 0.5 }, 0.5],
    ];
    assert.deepEqual(predict(outputs, { classes: ['yes', 'no'] }), named);
    assert.deepEqual(predict(outputs, { labels: { probabilities: ['yes', 'no'] } }), named);
  });

  it('of classes by name are found among the names', () => {
    const outputs = [texts('label', [1], ['b']), floats('probabilities', [1, 2], [0.75, 0.25])];
    assert.deepEqual(predict(outputs, { classes: ['a', 'b'] }), [['b', { a: 0.75, b: 0.25 }, 0.25]]);
    assert.deepEqual(predict(outputs), [['b', [0.75, 0.25], 0.75]]);
  });

  it('follow from the probabilities alone', () => {
    const outputs = [floats('p', [2, 3], [0.25, 0.5, 0.25, 0.5, 0.25, 0.25])];
    assert.deepEqual(predict(outputs, { outputs: { probabilities: 'p' } }), [
      [1, [0.25, 0.5, 0.25], 0.5],
      [0, [0.5, 0.25, 0.25], 0.5],
    ]);
  });

  it('follow from logits by softmax, however large they are', () => {
    const outputs = [floats('z', [1, 2], [1000, 1000])];
    assert.deepEqual(predict(outputs, { outputs: { logits: 'z' } }), [[0, [0.5, 0.5], 0.5]]);
    const spread = predict([floats('z', [1, 3], [1, 2, 3])], { outputs: { logits: 'z' } });
    assert.deepEqual(spread, [[2, [0.09003057, 0.2447285, 0.665241], 0.665241]]);
  });

  it('of one probability stand for two classes', () => {
    const outputs = [floats('p', [2, 1], [0.25, 0.75])];
    assert.deepEqual(predict(outputs, { outputs: { probabilities: 'p' }, classes: ['no', 'yes'] }), [
      ['no', { no: 0.75, yes: 0.25 }, 0.75],
      ['yes', { no: 0.25, yes: 0.75 }, 0.75],
    ]);
  });

  it('of scores with labels have no probabilities', () => {
    const outputs = [floats('y', [1, 2], [-3, 5])];
    assert.deepEqual(predict(outputs, { labels: { y: ['a', 'b'] } }), [['b', null, null]]);
  });

  it('list probabilities when two classes have the same name', () => {
    const outputs = [floats('probabilities', [1, 2], [0.25, 0.75])];
    assert.deepEqual(predict(outputs, { labels: { probabilities: ['crane', 'crane'] } }), [
      ['crane', [0.25, 0.75], 0.75],
    ]);
  });

  it('of a regression are its values', () => {
    assert.deepEqual(predict([floats('y', [2, 1], [1.5, 2.5])]), [
      [1.5, null, null],
      [2.5, null, null],
    ]);
    assert.deepEqual(predict([floats('y', [1, 2], [1.5, 2.5])]), [[[1.5, 2.5], null, null]]);
  });

  it('of several outputs have their names', () => {
    assert.deepEqual(predict([floats('y', [1, 1], [1.5]), longs('n', [1, 2], [1, 2])]), [
      [{ y: 1.5, n: [1, 2] }, null, null],
    ]);
  });

  it('of a model without a dimension of rows are one row', () => {
    assert.deepEqual(predict([floats('y', [2], [1, 2])], { batched: false }), [[[1, 2], null, null]]);
    assert.deepEqual(predict([floats('y', [], [1])], { batched: false }), [[1, null, null]]);
  });

  it('name the class of an index that the model chose', () => {
    assert.deepEqual(predict([longs('label', [1], [1])], { classes: ['a', 'b'] }), [['b', null, null]]);
    assert.deepEqual(predict([longs('label', [1], [7])], { classes: ['a', 'b'] }), [[7, null, null]]);
  });

  it('have null where JSON has no word for a number', () => {
    assert.deepEqual(predict([floats('y', [3, 1], [NaN, Infinity, -Infinity])]), [
      [null, null, null],
      [null, null, null],
      [null, null, null],
    ]);
    assert.deepEqual(predict([floats('probabilities', [1, 2], [NaN, NaN])]), [[null, [null, null], null]]);
    assert.deepEqual(predict([texts('label', [1], ['NaN'])]), [['NaN', null, null]]);
  });
});
