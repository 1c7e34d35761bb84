import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import type { ModelSource } from '../../../src/models/model-source.ts';
import { findProcessing, processingFiles } from '../../../src/models/processing-file.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

function sourceIn(folder: RepositoryFolder, overrides: Partial<ModelSource> = {}): ModelSource {
  const version = { version: '1', folder: join(folder.path, 'm', '1'), file: undefined };
  return {
    name: 'm',
    root: folder.path,
    folder: join(folder.path, 'm'),
    configText: undefined,
    versions: new Map([['1', version]]),
    ...overrides,
  };
}

const plain = configFromPbtxt('', 'm');

test('a model without a module has none', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  assert.equal(await findProcessing(sourceIn(folder), '1', plain, false), undefined);
  assert.deepEqual(await processingFiles(sourceIn(folder)), []);
});

test('a module is run with the limits of its parameters', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  const modulePath = folder.put('m/processing.mjs', '');
  const config = configFromPbtxt(
    'parameters { key: "processing_timeout_ms" value { string_value: "5" } }',
    'm',
  );
  assert.deepEqual(await findProcessing(sourceIn(folder), '1', config, true), {
    modulePath,
    processes: 1,
    timeoutMs: 5,
    memoryBytes: 512 * 1024 * 1024,
  });
});

test('everything that lies directly beside the module counts as its own', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  const files = ['processing.ts', 'vocabulary.txt'].map((name) => folder.put(`m/${name}`, ''));
  assert.deepEqual(await processingFiles(sourceIn(folder)), files);
});

const refusals: readonly (readonly [
  title: string,
  config: string,
  change: Partial<ModelSource>,
  text: RegExp,
])[] = [
  ['when a load request brought it', '', { fromRequest: true }, /load request/],
  ['beside sequences', 'sequence_batching { }', {}, /sequence_batching/],
  ['of a decoupled model', 'model_transaction_policy { decoupled: true }', {}, /decoupled/],
  [
    'with no time',
    'parameters { key: "processing_timeout_ms" value { string_value: "0" } }',
    {},
    /processing_timeout_ms/,
  ],
];

for (const [title, config, change, text] of refusals) {
  test(`a module is refused ${title}`, async () => {
    using folder = new RepositoryFolder();
    folder.put('m/1/model.onnx');
    folder.put('m/processing.ts', '');
    const found = findProcessing(sourceIn(folder, change), '1', configFromPbtxt(config, 'm'), true);
    await assert.rejects(found, text);
  });
}

test('a module is refused where modules are not allowed, and so are two', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  folder.put('m/processing.ts', '');
  await assert.rejects(findProcessing(sourceIn(folder), '1', plain, false), /--allow-processing-modules/);
  folder.put('m/processing.js', '');
  await assert.rejects(findProcessing(sourceIn(folder), '1', plain, true), /more than one/);
});
