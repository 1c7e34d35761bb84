import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { ModelFeatures } from '../../../src/inference/features.ts';
import type { TensorSpec } from '../../../src/inference/model-spec.ts';
import { readFeatures } from '../../../src/models/feature-file.ts';
import { checkDigest } from '../../../src/models/monitoring-file.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

function tensor(name: string): TensorSpec {
  return {
    name,
    datatype: 'FP32',
    dims: [2],
    reshape: undefined,
    optional: false,
    allowRagged: false,
    labels: [],
  };
}

async function read(text: string, profile?: string): Promise<ModelFeatures | undefined> {
  using folder = new RepositoryFolder();
  folder.put('model.yaml', text);
  if (profile !== undefined) folder.put('profile.json', profile);
  const source = {
    name: 'm',
    root: folder.path,
    folder: folder.path,
    configText: undefined,
    versions: new Map([['1', { version: '1', folder: folder.path, file: undefined }]]),
  };
  return await readFeatures(source, '1', { inputs: [tensor('x')], outputs: [tensor('y')] });
}

test('nothing is watched unless the file asks for it', async () => {
  assert.equal((await read('description: x'))?.monitoring, undefined);
  const plan = (await read('monitoring: { feedback: {} }'))?.monitoring;
  assert.equal(plan?.drift, undefined);
  assert.equal(plan?.feedback?.keepRequests, 100_000);
});

test('the baseline is what the card says of the metric, unless the file says otherwise', async () => {
  const card = 'card: { metrics: { f1: 0.8, accuracy: 0.9, auc: 0.95 } }\n';
  const baseline = async (text: string) => (await read(card + text))?.monitoring?.feedback?.baseline;
  assert.deepEqual(await baseline('monitoring: { feedback: {} }'), { metric: 'accuracy', value: 0.9 });
  assert.deepEqual(await baseline('monitoring: { feedback: { metric: f1 } }'), { metric: 'f1', value: 0.8 });
  assert.deepEqual(await baseline('monitoring: { feedback: { baseline: 0.7 } }'), {
    metric: 'accuracy',
    value: 0.7,
  });
});

test('durations are in milliseconds, and the profile is read from beside the file', async () => {
  const text =
    'monitoring: { feedback: { keepHours: 2 }, drift: { profile: profile.json, windowMinutes: 5 } }';
  const plan = (await read(text, '{"a":1}'))?.monitoring;
  assert.equal(plan?.feedback?.keepMs, 7_200_000);
  assert.equal(plan?.drift?.windowMs, 300_000);
  assert.deepEqual(plan?.drift?.profile, { a: 1 });
});

const wrong: readonly (readonly [title: string, text: string, problem: RegExp])[] = [
  ['a profile that is not there', 'monitoring: { drift: { profile: no.json } }', /monitoring.drift.profile/],
  [
    'a profile outside of the folder',
    'monitoring: { drift: { profile: ../../etc/passwd } }',
    /monitoring.drift.profile/,
  ],
  ['a profile that is no JSON', 'monitoring: { drift: { profile: model.yaml } }', /it is no JSON/],
  [
    'a metric without a baseline',
    'monitoring: { feedback: { metric: rmse } }',
    /'rmse' has a baseline neither here nor in the card/,
  ],
  ['a baseline without a metric', 'monitoring: { feedback: { baseline: 1 } }', /needs a metric/],
  ['a metric that is none', 'monitoring: { feedback: { metric: speed } }', /monitoring.feedback.metric/],
  ['a date that is none', 'card: { trained: yesterday }', /card.trained/],
  ['a digest that is none', "card: { sha256: { '1': abc } }", /card.sha256/],
];

for (const [title, text, problem] of wrong) {
  test(`is refused: ${title}`, async () => {
    await assert.rejects(read(text), { reason: 'MODEL_FEATURES', message: problem });
  });
}

test('a version is only loaded with the file that the card has the sha256 of', async () => {
  using folder = new RepositoryFolder();
  const modelPath = folder.put('model.onnx', 'bytes');
  const sha256 = createHash('sha256').update('bytes').digest('hex');
  const of = { model: 'm', version: '1', modelPath };
  await checkDigest({ sha256: { '1': sha256, '2': 'ff' } }, of);
  await checkDigest({}, of);
  await checkDigest(undefined, of);
  await assert.rejects(checkDigest({ sha256: { '1': sha256.replace(/^./, 'x') } }, of), {
    reason: 'MODEL_DIGEST',
  });
});
