import assert from 'node:assert/strict';
import { existsSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import type { LoadOverrides } from '../../../src/inference/catalog.ts';
import { buildOnnx } from '../../support/build-onnx.ts';
import { buildRegistry, turnsUntil, type RegistryBench } from '../../support/build-registry.ts';
import { Latch } from '../../support/latch.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

/** Differs from what `put` writes. */
const otherModel = Buffer.concat([buildOnnx(), Buffer.from([0x10, 0x01])]);

async function serving(folder: RepositoryFolder): Promise<RegistryBench> {
  if (!existsSync(join(folder.path, 'm'))) folder.put('m/1/model.onnx');
  const bench = buildRegistry([folder.path], { load: ['m'] });
  await bench.registry.start();
  return bench;
}

function overrides(
  config: string | undefined,
  files: Readonly<Record<string, Uint8Array>> = {},
): LoadOverrides {
  return { config, files: new Map(Object.entries(files)) };
}

test('a reload serves the old version until the new one is warm, and closes it when its requests are done', async () => {
  using folder = new RepositoryFolder();
  await using bench = await serving(folder);
  const { router, catalog } = bench.registry;
  const before = router.route('m', '');
  const running = new Latch();
  bench.draining.set(before, running.opened);
  folder.put('m/1/model.onnx', otherModel);
  const opening = new Latch();
  const held = new Latch();
  bench.opener.before = () => {
    opening.open();
    return held.opened;
  };
  const load = bench.load('m');
  await opening.opened;
  assert.equal(router.route('m', ''), before);
  assert.deepEqual(bench.states('m'), ['1 READY']);
  assert.equal(catalog.ready(), true);
  held.open();
  await load;
  const after = router.route('m', '');
  assert.notEqual(after, before);
  assert.notEqual(after.spec.digest, before.spec.digest);
  assert.deepEqual(bench.opener.closed, [false, false]);
  running.open();
  await bench.registry.control.unload('m', false);
  assert.deepEqual(bench.opener.closed, [true, true]);
});

const failures: readonly (readonly [
  string,
  (folder: RepositoryFolder, bench: RegistryBench) => void,
  RegExp,
])[] = [
  ['the file is no model', (folder) => void folder.put('m/1/model.onnx', 'broken'), /no ONNX model/],
  [
    'external data leads out',
    (folder) => void folder.put('m/1/model.onnx', buildOnnx('../../x')),
    /plain names/,
  ],
  [
    'the configuration is wrong',
    (folder) => void folder.put('m/config.pbtxt', 'max_batch_size: many'),
    /max_batch_size/,
  ],
  [
    'the sessions do not open',
    (folder, { opener }) => {
      folder.put('m/1/model.onnx', otherModel);
      opener.before = () => {
        throw new ServingError('failed_precondition', 'operator Foo is not known', {
          reason: 'MODEL_LOAD_FAILED',
        });
      };
    },
    /operator Foo is not known/,
  ],
  [
    'the configuration does not fit the model',
    (folder) => void folder.put('m/config.pbtxt', 'input { name: "other" data_type: TYPE_FP32 dims: [ 2 ] }'),
    /unexpected inference input 'other', allowed inputs are: x/,
  ],
  [
    'the warm-up fails',
    (folder) => void folder.put('m/config.pbtxt', 'model_warmup { name: "w" inputs { key: "none" } }'),
    /model_warmup 'w' of model 'm': there is no input/,
  ],
];

for (const [title, breakIt, reason] of failures) {
  test(`the old version serves on when ${title}, and the index says why`, async () => {
    using folder = new RepositoryFolder();
    await using bench = await serving(folder);
    const before = bench.registry.router.route('m', '');
    breakIt(folder, bench);
    await assert.rejects(bench.load('m'), (error) => {
      assert.ok(error instanceof ServingError);
      assert.match(error.message, /^load failed for model 'm': /);
      assert.match(error.message, reason);
      assert.ok(!error.message.includes(folder.path));
      return true;
    });
    assert.equal(bench.registry.router.route('m', ''), before);
    assert.match(bench.states('m').join(), /^1 READY: /);
    assert.match(bench.states('m').join(), reason);
    assert.equal(bench.registry.catalog.ready(), true);
    assert.equal(bench.opener.closed[0], false);
    assert.ok(bench.opener.closed.slice(1).every((closed) => closed));
  });
}

test('a load that succeeds takes the reason of an earlier failure away', async () => {
  using folder = new RepositoryFolder();
  await using bench = await serving(folder);
  folder.put('m/config.pbtxt', 'wrong');
  await assert.rejects(bench.load('m'));
  folder.put('m/config.pbtxt', '');
  await bench.load('m');
  assert.deepEqual(bench.states('m'), ['1 READY']);
});

test('a change of instance_group alone opens the new instances before the old ones close', async () => {
  using folder = new RepositoryFolder();
  await using bench = await serving(folder);
  folder.put('m/config.pbtxt', 'instance_group { kind: KIND_CPU count: 3 }');
  await bench.load('m');
  assert.equal(bench.opener.models[1]?.plan.instances.length, 3);
  assert.equal(bench.registry.router.route('m', '').executors.length, 3);
  assert.deepEqual(bench.opener.closed, [true, false]);
});

test('a touched file of the same size is a change', async () => {
  using folder = new RepositoryFolder();
  await using bench = await serving(folder);
  utimesSync(join(folder.path, 'm/1/model.onnx'), 1_000_000_000, 1_000_000_000);
  await bench.load('m');
  assert.equal(bench.opener.models.length, 2);
});

test('labels that changed are read again', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  folder.put('m/config.pbtxt', 'output { name: "y" label_filename: "labels.txt" }');
  folder.put('m/labels.txt', 'cat\ndog\n');
  await using bench = await serving(folder);
  assert.deepEqual(bench.registry.router.route('m', '').spec.outputs[0]?.labels, ['cat', 'dog']);
  folder.put('m/labels.txt', 'cat\nhorse\n');
  await bench.load('m');
  assert.deepEqual(bench.registry.router.route('m', '').spec.outputs[0]?.labels, ['cat', 'horse']);
});

test('versions come and go as the policy says; the newest serves', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/config.pbtxt', 'version_policy { latest { num_versions: 2 } }');
  for (const version of [1, 2, 3]) folder.put(`m/${version}/model.onnx`);
  await using bench = await serving(folder);
  assert.deepEqual(bench.states('m'), ['2 READY', '3 READY']);
  assert.deepEqual(bench.registry.catalog.metadata('m', '').versions, ['2', '3']);
  assert.deepEqual(bench.registry.catalog.metadata('m', '2').versions, ['2']);
  folder.put('m/10/model.onnx');
  await bench.load('m');
  await turnsUntil(() => bench.states('m').join() === '2 UNAVAILABLE: unloaded,3 READY,10 READY');
  assert.equal(bench.registry.router.route('m', '').spec.version, '10');
  assert.equal(bench.opener.models.length, 3);
});

test('an old version serves on when the newer one that should replace it cannot load', async () => {
  using folder = new RepositoryFolder();
  await using bench = await serving(folder);
  folder.put('m/2/model.onnx', 'broken');
  await assert.rejects(bench.load('m'), /version 2: /);
  assert.match(bench.states('m').join(), /^1 READY,2 UNAVAILABLE: /);
  assert.equal(bench.registry.router.route('m', '').spec.version, '1');
});

test('specific versions load, and one that is not there is no reason to fail', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/config.pbtxt', 'version_policy { specific { versions: [ 1, 3, 9 ] } }');
  for (const version of [1, 2, 3]) folder.put(`m/${version}/model.onnx`);
  await using bench = await serving(folder);
  assert.deepEqual(bench.states('m'), ['1 READY', '3 READY']);
});

test('a configuration in the load replaces the file for that load only', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  folder.put('m/config.pbtxt', 'max_batch_size: 4');
  await using bench = await serving(folder);
  await bench.registry.control.load('m', overrides('{"max_batch_size":"16"}'));
  assert.equal(bench.registry.catalog.config('m', '')['max_batch_size'], 16);
  assert.equal(bench.registry.router.route('m', '').spec.maxBatchSize, 16);
  await bench.load('m');
  assert.equal(bench.registry.catalog.config('m', '')['max_batch_size'], 4);
});

test('files in the load replace the folder, and are removed when nothing uses them', async () => {
  using folder = new RepositoryFolder();
  await using bench = await serving(folder);
  await bench.registry.control.load(
    'm',
    overrides('{}', { '7/model.onnx': buildOnnx('w'), '7/w': Buffer.from('w') }),
  );
  await turnsUntil(() => bench.states('m').join() === '1 UNAVAILABLE: unloaded,7 READY');
  const path = bench.opener.models[1]?.plan.modelPath ?? '';
  const own = dirname(dirname(path));
  assert.ok(!path.startsWith(folder.path));
  assert.equal(statSync(own).mode & 0o777, 0o700);
  await bench.load('m');
  await bench.registry.control.unload('m', false);
  assert.equal(existsSync(own), false);
});

test('a model that is in no repository can be brought by a load', async () => {
  using folder = new RepositoryFolder();
  await using bench = await serving(folder);
  await bench.registry.control.load('new', overrides('{}', { '1/model.onnx': buildOnnx() }));
  assert.equal(bench.registry.catalog.modelReady('new', ''), true);
  const own = dirname(dirname(bench.opener.models[1]?.plan.modelPath ?? ''));
  await bench.registry.control.unload('new', false);
  assert.equal(existsSync(own), false);
});

test('files of a load that fails in part stay as long as the part that serves', async () => {
  using folder = new RepositoryFolder();
  await using bench = await serving(folder);
  const files = { '5/model.onnx': buildOnnx(), '6/model.onnx': Buffer.from('broken') };
  const config = '{"version_policy":{"all":{}}}';
  await assert.rejects(bench.registry.control.load('m', overrides(config, files)), /version 6: /);
  const path = bench.opener.models[1]?.plan.modelPath ?? '';
  assert.equal(existsSync(path), true);
  await bench.registry.control.unload('m', false);
  assert.equal(existsSync(path), false);
});

test('files of a load that fails are removed', async () => {
  using folder = new RepositoryFolder();
  await using bench = await serving(folder);
  let path = '';
  bench.opener.before = (plan) => {
    path = plan.modelPath;
    throw new ServingError('failed_precondition', 'no');
  };
  await assert.rejects(bench.registry.control.load('m', overrides('{}', { '1/model.onnx': buildOnnx() })));
  assert.notEqual(path, '');
  assert.equal(existsSync(path), false);
  assert.match(bench.states('m').join(), /^1 READY: /);
});

const badLoads: readonly (readonly [string, LoadOverrides, RegExp])[] = [
  ['files without a configuration', overrides(undefined, { '1/model.onnx': buildOnnx() }), /'config'/],
  ['a path that leads out', overrides('{}', { '1/../../x': buildOnnx() }), /plain names/],
  ['no version among the files', overrides('{}', { 'model.onnx': buildOnnx() }), /no version/],
  ['external data outside of the files', overrides('{}', { '1/model.onnx': buildOnnx('x') }), /missing/],
  ['a configuration that is no JSON', overrides('{'), /not valid JSON/],
  ['an unknown field', overrides('{"max_batchsize":1}'), /max_batchsize: unknown field/],
  ['another name', overrides('{"name":"other"}'), /'other'/],
];

for (const [title, load, text] of badLoads) {
  test(`a load with ${title} is the client's mistake`, async () => {
    using folder = new RepositoryFolder();
    await using bench = await serving(folder);
    const before = bench.registry.router.route('m', '');
    await assert.rejects(bench.registry.control.load('m', load), (error) => {
      assert.ok(error instanceof ServingError);
      assert.equal(error.code, 'invalid_argument');
      assert.match(error.message, text);
      return true;
    });
    assert.equal(bench.registry.router.route('m', ''), before);
  });
}
