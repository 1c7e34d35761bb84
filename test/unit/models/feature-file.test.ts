import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import type { ModelFeatures } from '../../../src/inference/features.ts';
import type { TensorSpec } from '../../../src/inference/model-spec.ts';
import { readFeatures } from '../../../src/models/feature-file.ts';
import type { ModelSource } from '../../../src/models/model-source.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

function tensor(
  name: string,
  dims: readonly number[],
  datatype: TensorSpec['datatype'] = 'FP32',
): TensorSpec {
  return { name, datatype, dims, reshape: undefined, optional: false, allowRagged: false, labels: [] };
}

const one = {
  inputs: [tensor('x', [2])],
  outputs: [tensor('label', [1], 'INT64'), tensor('scores', [3])],
};
const several = { inputs: [tensor('age', [1], 'INT32'), tensor('city', [1], 'BYTES')], outputs: one.outputs };

function sourceIn(folder: RepositoryFolder, file?: string): ModelSource {
  const version = { version: '1', folder: folder.path, file };
  return {
    name: 'm',
    root: folder.path,
    folder: folder.path,
    configText: undefined,
    versions: new Map([['1', version]]),
  };
}

async function read(text: string, tensors = one): Promise<ModelFeatures | undefined> {
  using folder = new RepositoryFolder();
  folder.put('model.yaml', text);
  return await readFeatures(sourceIn(folder), '1', tensors);
}

test('a model without the file has no features', async () => {
  using folder = new RepositoryFolder();
  assert.equal(await readFeatures(sourceIn(folder), '1', one), undefined);
});

test('a model that shares its folder with others does not read the file', async () => {
  using folder = new RepositoryFolder();
  folder.put('model.yaml', 'features: [nonsense]');
  assert.equal(await readFeatures(sourceIn(folder, 'm.onnx'), '1', one), undefined);
});

test('what the file leaves out follows from the model', async () => {
  const features = await read('features: [{ name: a }, { name: b, type: integer, min: 0 }]');
  assert.deepEqual(
    features?.features.map(({ name, type, input, min, nonFinite }) => [name, type, input, min, nonFinite]),
    [
      ['a', 'number', 'x', undefined, 'refuse'],
      ['b', 'integer', 'x', 0, 'refuse'],
    ],
  );
  assert.deepEqual(features?.outputs, { prediction: '', probabilities: '', logits: '' });
});

test('features of a model with several inputs are of the input of their name', async () => {
  const features = await read(
    'features: [{ name: age, default: 30 }, { name: city, values: [Rome, Oslo] }]',
    several,
  );
  assert.deepEqual(
    features?.features.map(({ name, type, input, default: initial }) => [name, type, input, initial]),
    [
      ['age', 'integer', 'age', 30],
      ['city', 'text', 'city', undefined],
    ],
  );
});

test('an empty file says nothing', async () => {
  assert.deepEqual((await read(''))?.features, []);
});

test('the policy for numbers that are none holds for all features that do not say otherwise', async () => {
  const features = await read('nonFinite: nan\nfeatures: [{ name: a }, { name: b, nonFinite: refuse }]');
  assert.deepEqual(
    features?.features.map(({ nonFinite }) => nonFinite),
    ['nan', 'refuse'],
  );
});

const wrong = [
  ['features: [{ name: a }]', /input 'x' takes 2 values, but 1 features are of it/],
  ['features: [{ name: a }, { name: a }]', /feature 'a' is there twice/],
  ['features: [{ name: a, input: y }, { name: b }]', /feature 'a' is of input 'y'/],
  ['features: [{ name: a, type: text }, { name: b }]', /of type text cannot be in input 'x' of FP32/],
  ['features: [{ name: a, min: 2, max: 1 }, { name: b }]', /has a min above its max/],
  ['features: [{ name: a, type: boolean, min: 0 }, { name: b }]', /cannot have min or max/],
  ['features: [{ name: a, min: 0, default: -1 }, { name: b }]', /has a default that must be at least 0/],
  ['features: [{ name: a, values: [x] }, { name: b }]', /has a value "x" that must be a number/],
  ['features: [{ name: a, mini: 0 }, { name: b }]', /features\.0: Unrecognized key/],
  ['feature: []', /Unrecognized key/],
  ['a: [', /it is no YAML/],
  ['outputs: { prediction: y }', /outputs\.prediction: the model has no output 'y'/],
  ['outputs: { probabilities: label }', /'label' is of INT64, not of floats/],
  ['outputs: { probabilities: scores, logits: scores }', /either probabilities or logits/],
  ['outputs: { probabilities: scores }\nclasses: [a, b]', /2 are named, but output 'scores' has 3/],
  ['classes: [a, a]', /classes: 'a' is there twice/],
] as const;

for (const [text, problem] of wrong) {
  test(`a file is refused: ${text.replace('\n', ' ')}`, async () => {
    await assert.rejects(
      read(text),
      (error) =>
        error instanceof ServingError && error.reason === 'MODEL_FEATURES' && problem.test(error.message),
    );
  });
}

test('everything that is wrong is told at once', async () => {
  await assert.rejects(
    read('features: [{ name: a, type: text }, { name: b, min: 1, max: 0 }]\nclasses: [c, c]'),
    /'a' of type text .*; feature 'b' has a min .*; classes: 'c'/,
  );
});

test('features must be given for every input that is not optional', async () => {
  await assert.rejects(read('features: [{ name: age }]', several), /no feature is of input 'city'/);
  const [age, city] = several.inputs;
  assert.ok(age !== undefined && city !== undefined);
  const optional = { ...several, inputs: [age, { ...city, optional: true }] };
  assert.equal((await read('features: [{ name: age }]', optional))?.features.length, 1);
});

test('a file outside of the repository is not read', async () => {
  using folder = new RepositoryFolder();
  using other = new RepositoryFolder();
  symlinkSync(other.put('model.yaml', 'classes: []'), `${folder.path}/model.yaml`);
  await assert.rejects(readFeatures(sourceIn(folder), '1', one), /leads out of the folder/);
});
