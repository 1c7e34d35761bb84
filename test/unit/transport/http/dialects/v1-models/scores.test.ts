import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TensorMetadata } from '../../../../../../src/inference/catalog.ts';
import { noParameters } from '../../../../../../src/inference/request.ts';
import type { InferResponse } from '../../../../../../src/inference/response.ts';
import type { Tensor } from '../../../../../../src/inference/tensor.ts';
import {
  classificationOutputs,
  classificationText,
  regressionText,
  scoresOutput,
} from '../../../../../../src/transport/http/dialects/v1-models/scores.ts';
import { byteElements } from '../../../../../support/build-request.ts';
import { refusalOf } from '../../../../../support/refusal.ts';

function model(...outputs: readonly (readonly [name: string, datatype: string])[]) {
  const tensors = outputs.map(([name, datatype]): TensorMetadata => ({ name, datatype, shape: [-1, 2] }));
  return { name: 'm', versions: ['1'], platform: '', inputs: [], outputs: tensors };
}

function floats(shape: readonly number[], ...values: readonly number[]): Tensor {
  return { name: 's', datatype: 'FP32', shape, data: new Uint8Array(new Float32Array(values).buffer) };
}

function response(...outputs: readonly Tensor[]): InferResponse {
  return { model: 'm', version: '1', id: '', outputs, parameters: noParameters };
}

describe('the output of scores', () => {
  it('is the only one of floats, or the one with the usual name', () => {
    assert.equal(scoresOutput(model(['label', 'INT64'], ['p', 'FP32'])), 'p');
    assert.equal(scoresOutput(model(['x', 'FP32'], ['probabilities', 'FP64'])), 'probabilities');
    assert.equal(
      refusalOf(() => scoresOutput(model(['x', 'FP32'], ['y', 'FP64']))).reason,
      'FORM_UNSUPPORTED',
    );
    assert.equal(refusalOf(() => scoresOutput(model(['x', 'INT8']))).reason, 'FORM_UNSUPPORTED');
  });

  it('is asked for together with the names of classes only where these are text', () => {
    const names = (...outputs: readonly (readonly [string, string])[]): readonly string[] =>
      classificationOutputs(model(...outputs)).map(({ name }) => name);
    assert.deepEqual(names(['p', 'FP32'], ['classes', 'BYTES'], ['z', 'BYTES']), ['p', 'classes']);
    assert.deepEqual(names(['p', 'FP32'], ['classes', 'INT64']), ['p']);
  });
});

describe('classificationText', () => {
  const scores = floats([2, 2], 0.25, 0.75, 1, 0);

  it('pairs scores with labels, in the order of the model', () => {
    assert.equal(
      classificationText(response(scores), ['cat', 'dog']),
      '{"result":[[["cat",0.25],["dog",0.75]],[["cat",1],["dog",0]]]}',
    );
  });

  it('leaves labels empty that nobody knows', () => {
    assert.equal(
      classificationText(response(scores), ['cat']),
      '{"result":[[["cat",0.25],["",0.75]],[["cat",1],["",0]]]}',
    );
  });

  it('takes the classes that the model gives, for each row or once for all', () => {
    const all = byteElements('classes', ['a],[', 'b']);
    assert.match(classificationText(response(scores, all), []), /\["a\],\[",0.25\],\["b",0.75\]\],\[\["a/);
    const each = { ...byteElements('classes', ['a', 'b', 'c', 'd']), shape: [2, 2] };
    assert.match(classificationText(response(each, scores), []), /\["c",1\],\["d",0\]/);
  });

  it('refuses classes that do not fit the scores', () => {
    const classes = byteElements('classes', ['a', 'b', 'c']);
    const refusal = refusalOf(() => classificationText(response(scores, classes), []));
    assert.equal(refusal.reason, 'FORM_UNSUPPORTED');
  });

  it('has one class for each row of a model with one score', () => {
    assert.equal(classificationText(response(floats([2], 1, 2)), []), '{"result":[[["",1]],[["",2]]]}');
  });
});

describe('regressionText', () => {
  it('lists one value for each row', () => {
    assert.equal(regressionText(response(floats([2, 1], 1.5, -2)), 2), '{"result":[1.5,-2]}');
  });

  it('refuses more values than rows', () => {
    const refusal = refusalOf(() => regressionText(response(floats([1, 2], 1, 2)), 1));
    assert.equal(refusal.reason, 'FORM_UNSUPPORTED');
  });
});
