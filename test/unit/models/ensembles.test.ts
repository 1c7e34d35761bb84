import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildRegistry, noOverrides, turnsUntil, type RegistryBench } from '../../support/build-registry.ts';
import { refusalOf } from '../../support/refusal.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

interface EnsembleText {
  readonly steps: readonly string[];
  readonly dims?: string;
  readonly more?: string;
}

/** Models of x to y, one after the other. */
function configOf({ steps, dims = '2', more = '' }: EnsembleText): string {
  const own = steps.map((model, index) => {
    const [from, to] = [`t${index}`, index === steps.length - 1 ? 'y' : `t${index + 1}`];
    const [input, output] = model.startsWith('e') ? ['t0', 'y'] : ['x', 'y'];
    return `{ model_name: "${model}" model_version: -1
      input_map { key: "${input}" value: "${from}" } output_map { key: "${output}" value: "${to}" } }`;
  });
  return `platform: "ensemble" max_batch_size: 8
    input { name: "t0" data_type: TYPE_FP32 dims: ${dims} } output { name: "y" data_type: TYPE_FP32 dims: 2 }
    ensemble_scheduling { step [ ${own.join(', ')} ] } ${more}`;
}

function putEnsemble(folder: RepositoryFolder, name: string, text: EnsembleText): void {
  folder.put(`${name}/1/.keep`, '');
  folder.put(`${name}/config.pbtxt`, configOf(text));
}

function repository(): RepositoryFolder {
  const folder = new RepositoryFolder();
  folder.put('a/1/model.onnx');
  folder.put('b/1/model.onnx');
  putEnsemble(folder, 'e', { steps: ['a', 'b'] });
  return folder;
}

function ready(bench: RegistryBench, ...models: readonly string[]): boolean[] {
  return models.map((model) => bench.registry.catalog.modelReady(model, ''));
}

test('an ensemble loads after its steps, whatever their names', async () => {
  using folder = repository();
  putEnsemble(folder, 'e0', { steps: ['e'] });
  await using bench = buildRegistry([folder.path], { controlMode: 'none' });
  await bench.registry.start();
  assert.deepEqual(ready(bench, 'a', 'b', 'e', 'e0'), [true, true, true, true]);
  assert.equal(bench.registry.catalog.ready(), true);
  assert.equal(bench.opener.models.length, 2);
});

test('metadata, configuration and index of an ensemble are its own', async () => {
  using folder = repository();
  await using bench = buildRegistry([folder.path], { controlMode: 'none' });
  await bench.registry.start();
  const { catalog } = bench.registry;
  assert.deepEqual(catalog.metadata('e', ''), {
    name: 'e',
    versions: ['1'],
    platform: 'ensemble',
    inputs: [{ name: 't0', datatype: 'FP32', shape: [-1, 2] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
  });
  const { platform, backend, instance_group, dynamic_batching, ensemble_scheduling } = catalog.config(
    'e',
    '',
  );
  assert.deepEqual([platform, backend, instance_group, dynamic_batching], ['ensemble', '', [], undefined]);
  assert.match(
    JSON.stringify(ensemble_scheduling),
    /"model_name":"a","model_version":-1,"input_map":\{"x":"t0"\}/,
  );
  assert.deepEqual(bench.states('e'), ['1 READY']);
  assert.equal(catalog.statistics('e', '')[0]?.name, 'e');
});

test('loading an ensemble loads those of its steps that are not ready', async () => {
  using folder = repository();
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  await bench.load('a');
  await bench.load('e');
  assert.deepEqual(ready(bench, 'a', 'b', 'e'), [true, true, true]);
  assert.equal(bench.opener.models.length, 2);
});

test('steps of an overriding configuration are loaded, too', async () => {
  using folder = repository();
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  const map = { input_map: { x: 't0' }, output_map: { y: 'y' } };
  const config = JSON.stringify({
    platform: 'ensemble',
    max_batch_size: 8,
    input: [{ name: 't0', data_type: 'TYPE_FP32', dims: [2] }],
    output: [{ name: 'y', data_type: 'TYPE_FP32', dims: [2] }],
    ensemble_scheduling: { step: [{ model_name: 'b', model_version: '-1', ...map }] },
  });
  await bench.registry.control.load('e', { ...noOverrides, config });
  assert.deepEqual(ready(bench, 'a', 'b', 'e'), [false, true, true]);
});

test('an ensemble named at start in mode explicit brings its steps along', async () => {
  using folder = repository();
  await using bench = buildRegistry([folder.path], { load: ['e'] });
  await bench.registry.start();
  assert.deepEqual(ready(bench, 'a', 'b', 'e'), [true, true, true]);
});

test('an ensemble is ready only while its steps are, and is again when they are', async () => {
  using folder = repository();
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  await bench.load('e');
  await bench.registry.control.unload('b', false);
  assert.deepEqual(ready(bench, 'e'), [false]);
  assert.deepEqual(bench.states('e'), ["1 UNAVAILABLE: needs model 'b', which is not ready"]);
  assert.equal(bench.registry.catalog.ready(), false);
  assert.equal(refusalOf(() => bench.registry.router.route('e', '')).code, 'not_found');
  await bench.load('b');
  assert.deepEqual(ready(bench, 'e'), [true]);
  assert.equal(bench.registry.catalog.ready(), true);
});

test('an ensemble goes through the reload of a step without a moment of not being ready', async () => {
  using folder = repository();
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  await bench.load('e');
  const seen = new Set<boolean>();
  using _listening = bench.registry.catalog.onChange(() => seen.add(ready(bench, 'e')[0] ?? false));
  folder.put('b/config.pbtxt', 'max_batch_size: 16');
  await bench.load('b');
  assert.equal(bench.registry.router.route('b', '').spec.maxBatchSize, 16);
  assert.deepEqual([...seen], [true]);
});

test('an ensemble stops being ready when a step comes back as what it cannot use', async () => {
  using folder = repository();
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  await bench.load('e');
  folder.put('b/config.pbtxt', 'max_batch_size: 4');
  await bench.load('b');
  assert.deepEqual(bench.states('e'), ["1 UNAVAILABLE: max_batch_size is 8, but model 'b' takes at most 4"]);
});

test('with its dependents an ensemble takes along the steps that came with it, and no others', async () => {
  using folder = repository();
  folder.put('c/1/model.onnx');
  putEnsemble(folder, 'e2', { steps: ['b', 'c'] });
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  await bench.load('a');
  await bench.load('e');
  await bench.load('e2');
  await bench.registry.control.unload('e', true);
  assert.deepEqual(ready(bench, 'e', 'a', 'b', 'c', 'e2'), [false, true, true, true, true]);
  await bench.registry.control.unload('e2', true);
  assert.deepEqual(ready(bench, 'a', 'b', 'c', 'e2'), [true, false, false, false]);
});

test('without its dependents an ensemble leaves its steps', async () => {
  using folder = repository();
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  await bench.load('e');
  await bench.registry.control.unload('e', false);
  assert.deepEqual(ready(bench, 'e', 'a', 'b'), [false, true, true]);
  assert.equal(bench.registry.catalog.ready(), true);
});

test('ensembles that are steps of each other are refused, with the way', async () => {
  using folder = repository();
  putEnsemble(folder, 'e1', { steps: ['e2'] });
  putEnsemble(folder, 'e2', { steps: ['a', 'e1'] });
  await using bench = buildRegistry([folder.path], { controlMode: 'none' });
  await bench.registry.start();
  assert.match(bench.states('e1').join(), /UNAVAILABLE: its steps lead back to it: e1 -> e2 -> e1/);
  assert.match(bench.states('e2').join(), /UNAVAILABLE: its steps lead back to it: e2 -> e1 -> e2/);
  assert.deepEqual(ready(bench, 'e'), [true]);
});

test('an ensemble that leads back to itself is not loaded on request, and neither are its steps', async () => {
  using folder = repository();
  putEnsemble(folder, 'e1', { steps: ['a', 'e2'] });
  putEnsemble(folder, 'e2', { steps: ['e1'] });
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  await assert.rejects(bench.load('e1'), { message: /its steps lead back to it: e1 -> e2 -> e1/ });
  assert.deepEqual(bench.registry.catalog.index(true), []);
  assert.deepEqual(bench.states('e2'), [' ']);
});

test('an ensemble that would become a step of itself keeps what it was', async () => {
  using folder = repository();
  putEnsemble(folder, 'e0', { steps: ['e'] });
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  await bench.load('e0');
  putEnsemble(folder, 'e', { steps: ['a', 'e0'] });
  await assert.rejects(bench.load('e'), { message: /its steps lead back to it: e -> e0 -> e/ });
  assert.deepEqual(ready(bench, 'e', 'e0'), [true, true]);
});

const unloadable: readonly (readonly [string, EnsembleText, RegExp])[] = [
  ['a step that is in no repository', { steps: ['a', 'ghost'] }, /needs model 'ghost', which is not ready/],
  [
    'tensors that do not fit',
    { steps: ['a', 'b'], dims: '3' },
    /tensor 't0' is \[-1,3\] as input of the ensemble/,
  ],
  ['instances', { steps: ['a'], more: 'instance_group { count: 2 }' }, /instance_group: is for models/],
  ['a backend', { steps: ['a'], more: 'backend: "onnxruntime"' }, /backend: an ensemble has none/],
  [
    'warm-up',
    { steps: ['a'], more: 'model_warmup { name: "w" batch_size: 1 }' },
    /model_warmup: is for models/,
  ],
  ['optimization', { steps: ['a'], more: 'optimization { }' }, /optimization: is for models/],
  ['batching of its own', { steps: ['a'], more: 'dynamic_batching { }' }, /cannot stand beside/],
  ['decoupled answers', { steps: ['a'], more: 'model_transaction_policy { decoupled: true }' }, /one answer/],
];

for (const [what, text, expected] of unloadable) {
  test(`an ensemble with ${what} does not load, and says why`, async () => {
    using folder = repository();
    putEnsemble(folder, 'e', text);
    await using bench = buildRegistry([folder.path]);
    await bench.registry.start();
    await assert.rejects(bench.load('e'), { code: 'invalid_argument', message: expected });
    assert.match(bench.states('e').join(), expected);
  });
}

test('the platform of ensembles needs steps, and steps need the platform', async () => {
  using folder = repository();
  folder.put('e/config.pbtxt', 'platform: "ensemble"');
  folder.put('a/config.pbtxt', 'ensemble_scheduling { step { model_name: "b" } }');
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  await assert.rejects(bench.load('e'), { message: /ensemble_scheduling: is missing/ });
  await assert.rejects(bench.load('a'), { message: /ensemble_scheduling: is for models of the platform/ });
});

test('outputs without labels have those of the step that writes them', async () => {
  using folder = repository();
  folder.put('b/config.pbtxt', 'output { name: "y" label_filename: "names.txt" }');
  folder.put('b/names.txt', 'cat\ndog\n');
  await using bench = buildRegistry([folder.path], { controlMode: 'none' });
  await bench.registry.start();
  const { spec } = bench.registry.router.route('e', '');
  assert.deepEqual(spec.outputs[0]?.labels, ['cat', 'dog']);
  assert.equal(spec.outputsByName.get('y'), spec.outputs[0]);
});

test('in mode poll an ensemble loads once its last step has come', async () => {
  using folder = new RepositoryFolder();
  folder.put('a/1/model.onnx');
  putEnsemble(folder, 'e', { steps: ['a', 'b'] });
  await using bench = buildRegistry([folder.path], { controlMode: 'poll' });
  await bench.registry.start();
  assert.deepEqual(ready(bench, 'a', 'e'), [true, false]);
  folder.put('b/1/model.onnx');
  bench.clock.advance(15_000);
  await turnsUntil(() => bench.clock.pending === 1);
  assert.deepEqual(ready(bench, 'b', 'e'), [true, true]);
});
