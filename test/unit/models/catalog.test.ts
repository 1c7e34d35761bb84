import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildRegistry, type RegistryBench } from '../../support/build-registry.ts';
import { refusalOf } from '../../support/refusal.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

async function serving(folder: RepositoryFolder): Promise<RegistryBench> {
  const bench = buildRegistry([folder.path], { controlMode: 'none', strictReadiness: false });
  await bench.registry.start();
  return bench;
}

test('metadata shows shapes as clients must send them', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  await using bench = await serving(folder);
  assert.deepEqual(bench.registry.catalog.metadata('m', ''), {
    name: 'm',
    versions: ['1'],
    platform: 'onnxruntime_onnx',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
  });
});

test('a model without a batch dimension shows its dims as they are, text as BYTES', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  const bench = buildRegistry([folder.path], { controlMode: 'none' });
  bench.opener.metadata = {
    inputs: [{ name: 'x', datatype: 'BYTES', shape: [3, 'n'] }],
    outputs: [{ name: 'y', datatype: 'INT64', shape: [] }],
  };
  await bench.registry.start();
  const { inputs, outputs } = bench.registry.catalog.metadata('m', '');
  assert.deepEqual(inputs, [{ name: 'x', datatype: 'BYTES', shape: [3, -1] }]);
  assert.deepEqual(outputs, [{ name: 'y', datatype: 'INT64', shape: [] }]);
  assert.equal(bench.registry.catalog.config('m', '')['max_batch_size'], 0);
  await bench.registry.stop();
});

test('the configuration is complete: what was left out is filled in, defaults are shown', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  await using bench = await serving(folder);
  const config = bench.registry.catalog.config('m', '');
  assert.equal(config['name'], 'm');
  assert.equal(config['backend'], 'onnxruntime');
  assert.equal(config['max_batch_size'], 32);
  assert.deepEqual(config['version_policy'], { latest: { num_versions: 1 } });
  assert.equal(config['default_model_filename'], 'model.onnx');
  assert.partialDeepStrictEqual(config['input'], [{ name: 'x', data_type: 'TYPE_FP32', dims: [2] }]);
  assert.partialDeepStrictEqual(config['instance_group'], [{ kind: 'KIND_CPU', count: 1 }]);
  assert.partialDeepStrictEqual(config['dynamic_batching'], { max_queue_delay_microseconds: 0 });
  assert.doesNotThrow(() => JSON.stringify(config));
});

test('class names stand under the outputs that have them', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  folder.put(
    'm/config.pbtxt',
    'name: "m" max_batch_size: 4 output { name: "y" data_type: TYPE_FP32 dims: 2 label_filename: "labels.txt" }',
  );
  folder.put('m/labels.txt', 'cat\ndog\n');
  folder.put('n/1/model.onnx');
  await using bench = await serving(folder);
  assert.deepEqual([...bench.registry.catalog.labels('m', '')], [['y', ['cat', 'dog']]]);
  assert.equal(bench.registry.catalog.labels('n', '').size, 0);
});

test('a change to a configuration that was handed out reaches nobody else', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  await using bench = await serving(folder);
  Object.assign(bench.registry.catalog.config('m', ''), { name: 'x' });
  assert.equal(bench.registry.catalog.config('m', '')['name'], 'm');
});

test('statistics are those of one version, of all ready versions of a model, or of all models', async () => {
  using folder = new RepositoryFolder();
  folder.put('a/config.pbtxt', 'version_policy { all { } }');
  folder.put('a/1/model.onnx');
  folder.put('a/2/model.onnx');
  folder.put('b/1/model.onnx');
  folder.put('c/1/model.onnx', 'broken');
  await using bench = await serving(folder);
  const { catalog, router } = bench.registry;
  router.route('a', '2').statistics.recordSuccess(1, 'grpc');
  const shown = (model: string, version: string): string[] =>
    catalog
      .statistics(model, version)
      .map(({ name, version: v, success }) => `${name} ${v} ${success.count}`);
  assert.deepEqual(shown('', '').toSorted(), ['a 1 0', 'a 2 1', 'b 1 0']);
  assert.deepEqual(shown('a', '').toSorted(), ['a 1 0', 'a 2 1']);
  assert.deepEqual(shown('a', '2'), ['a 2 1']);
});

test('a reload starts counting anew', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  await using bench = await serving(folder);
  bench.registry.router.route('m', '').statistics.recordSuccess(1, 'grpc');
  folder.put('m/config.pbtxt', 'max_batch_size: 2');
  await bench.load('m');
  assert.equal(bench.registry.catalog.statistics('m', '')[0]?.success.count, 0);
});

test('statistics of a model that does not serve are refused in the words of the protocol', async () => {
  using folder = new RepositoryFolder();
  folder.put('broken/1/model.onnx', 'broken');
  await using bench = await serving(folder);
  for (const model of ['none', 'broken']) {
    const refusal = refusalOf(() => bench.registry.catalog.statistics(model, ''));
    assert.equal(refusal.code, 'invalid_argument');
    assert.equal(refusal.message, `requested model '${model}' is not available`);
  }
});

test('an unknown model is not ready, and that is no error; a version that is no number is one', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  await using bench = await serving(folder);
  const { catalog } = bench.registry;
  assert.equal(catalog.modelReady('none', ''), false);
  assert.equal(catalog.modelReady('m', '2'), false);
  assert.equal(catalog.modelReady('m', '1'), true);
  assert.equal(refusalOf(() => catalog.modelReady('m', 'x')).code, 'invalid_argument');
  assert.equal(refusalOf(() => catalog.metadata('none', '')).code, 'not_found');
  assert.equal(refusalOf(() => catalog.config('m', '7')).code, 'not_found');
});

test('outputs that are no tensors are left out; a model that has no other is not served, with a hint', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  const label = { name: 'label', datatype: 'INT64', shape: ['n'] } as const;
  const map = { name: 'probabilities', datatype: undefined, shape: [] } as const;
  bench.opener.metadata = { ...bench.opener.metadata, outputs: [label, map] };
  await bench.load('m');
  assert.deepEqual(
    bench.registry.catalog.metadata('m', '').outputs.map(({ name }) => name),
    ['label'],
  );
  folder.put('m/config.pbtxt', 'output { name: "probabilities" }');
  await assert.rejects(bench.load('m'), /'probabilities'.*zipmap=False/);
  bench.opener.metadata = { ...bench.opener.metadata, outputs: [map] };
  folder.put('m/config.pbtxt', 'max_batch_size: 0');
  await assert.rejects(bench.load('m'), /zipmap=False/);
});
