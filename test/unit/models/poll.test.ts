import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger, type Logger } from '../../../src/inference/logger.ts';
import { buildOnnx } from '../../support/build-onnx.ts';
import { buildRegistry, turnsUntil, type RegistryBench } from '../../support/build-registry.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

async function polling(folder: RepositoryFolder, logger: Logger = silentLogger): Promise<RegistryBench> {
  const bench = buildRegistry([folder.path], { controlMode: 'poll', logger });
  await bench.registry.start();
  return bench;
}

/** One look at the repository. */
async function poll({ clock }: RegistryBench): Promise<void> {
  clock.advance(15_000);
  assert.equal(clock.pending, 0);
  await turnsUntil(() => clock.pending === 1);
}

test('new models load, deleted ones unload and are forgotten', async () => {
  using folder = new RepositoryFolder();
  folder.put('a/1/model.onnx');
  await using bench = await polling(folder);
  folder.put('b/1/model.onnx');
  rmSync(join(folder.path, 'a'), { recursive: true });
  await poll(bench);
  assert.deepEqual(bench.registry.catalog.index(false), [
    { name: 'b', version: '1', state: 'READY', reason: '' },
  ]);
  assert.deepEqual(bench.opener.closed, [true, false]);
});

test('what has not changed is left alone', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  folder.put('m/config.pbtxt', 'max_batch_size: 4');
  await using bench = await polling(folder);
  await poll(bench);
  await poll(bench);
  assert.equal(bench.opener.models.length, 1);
});

const changes: readonly (readonly [string, string, string | Uint8Array])[] = [
  ['the model', 'm/1/model.onnx', Buffer.concat([buildOnnx('w'), Buffer.from([0x10, 1])])],
  ['the configuration', 'm/config.pbtxt', 'max_batch_size: 8'],
  ['external data', 'm/1/w', 'longer'],
  ['a new version', 'm/2/model.onnx', buildOnnx()],
];

for (const [title, name, content] of changes) {
  test(`${title} is a change that loads the model again`, async () => {
    using folder = new RepositoryFolder();
    folder.put('m/1/model.onnx', buildOnnx('w'));
    folder.put('m/1/w', 'w');
    await using bench = await polling(folder);
    folder.put(name, content);
    await poll(bench);
    assert.equal(bench.opener.models.length, 2);
    assert.equal(bench.registry.catalog.ready(), true);
  });
}

test('a deleted version unloads, and the one before it serves', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  folder.put('m/2/model.onnx');
  await using bench = await polling(folder);
  assert.equal(bench.registry.router.route('m', '').spec.version, '2');
  rmSync(join(folder.path, 'm/2'), { recursive: true });
  await poll(bench);
  assert.equal(bench.registry.router.route('m', '').spec.version, '1');
});

test('a model that fails is not tried again until it changes', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx', 'broken');
  await using bench = await polling(folder);
  assert.equal(bench.registry.catalog.ready(), false);
  await poll(bench);
  assert.match(bench.states('m').join(), /^1 UNAVAILABLE: /);
  folder.put('m/1/model.onnx');
  await poll(bench);
  assert.deepEqual(bench.states('m'), ['1 READY']);
  assert.equal(bench.registry.catalog.ready(), true);
});

test('a flat file that changes loads again, its neighbours do not', async () => {
  using folder = new RepositoryFolder();
  folder.put('a.onnx');
  folder.put('b.onnx');
  await using bench = await polling(folder);
  folder.put('b.onnx', Buffer.concat([buildOnnx(), Buffer.from([0x10, 1])]));
  await poll(bench);
  assert.equal(bench.opener.models.length, 3);
  assert.match(bench.opener.models[2]?.plan.modelPath ?? '', /b\.onnx$/);
});

test('a repository that is gone for a while takes no model away', async () => {
  using parent = new RepositoryFolder();
  parent.put('repository/m/1/model.onnx');
  const bench = buildRegistry([join(parent.path, 'repository')], { controlMode: 'poll' });
  await bench.registry.start();
  rmSync(join(parent.path, 'repository'), { recursive: true });
  await poll(bench);
  assert.deepEqual(bench.states('m'), ['1 READY']);
  await bench.registry.stop();
});

test('warnings and refusals are told once, however often the repository is read', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  folder.put('m/v2/model.onnx');
  folder.put('twice/1/model.onnx');
  folder.put('twice.onnx');
  const told: string[] = [];
  const note = (_: object, message: string): void => void told.push(message);
  await using bench = await polling(folder, { ...silentLogger, warn: note, error: note });
  const { length } = told;
  assert.ok(length >= 2);
  await poll(bench);
  await poll(bench);
  assert.deepEqual(told.slice(length), []);
});

test('stop ends the looking', async () => {
  using folder = new RepositoryFolder();
  const bench = await polling(folder);
  assert.equal(bench.clock.pending, 1);
  await bench.registry.stop();
  assert.equal(bench.clock.pending, 0);
});
