import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { listModels, type RepositoryListing } from '../../../src/models/repository.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';
import { withoutPrivileges } from '../../support/without-privileges.ts';

/** Model names with their versions. */
function shown({ models }: RepositoryListing): Record<string, readonly string[]> {
  return Object.fromEntries(Array.from(models, ([name, { versions }]) => [name, [...versions.keys()]]));
}

async function list(folder: RepositoryFolder, configName?: string): Promise<RepositoryListing> {
  return listModels([folder.path], configName);
}

test('folders are models, and their integer folders versions in numeric order', async () => {
  using folder = new RepositoryFolder();
  for (const version of ['10', '9', '2']) folder.put(`digits/${version}/model.onnx`);
  folder.put('iris/1/model.onnx');
  folder.put('iris/config.pbtxt', 'max_batch_size: 3');
  const listing = await list(folder);
  assert.deepEqual(shown(listing), { digits: ['2', '9', '10'], iris: ['1'] });
  assert.equal(listing.models.get('iris')?.configText, 'max_batch_size: 3');
  assert.equal(listing.models.get('digits')?.configText, undefined);
  assert.deepEqual(listing.warnings, []);
});

test('versions that doubles cannot tell apart are ordered exactly', async () => {
  using folder = new RepositoryFolder();
  for (const version of ['9007199254740993', '9007199254740992']) folder.put(`m/${version}/model.onnx`);
  assert.deepEqual(shown(await list(folder)), { m: ['9007199254740992', '9007199254740993'] });
});

test('folders that are no versions are ignored with a warning, known ones without', async () => {
  using folder = new RepositoryFolder();
  for (const name of ['01', '0', '-1', '1.0', 'v1', 'configs', 'warmup', '.git']) {
    folder.put(`m/${name}/model.onnx`);
  }
  folder.put('m/1/model.onnx');
  const { models, warnings } = await list(folder);
  assert.deepEqual([...(models.get('m')?.versions.keys() ?? [])], ['1']);
  assert.deepEqual(warnings.map((warning) => /folder '([^']*)'/.exec(warning)?.[1] ?? '').toSorted(), [
    '-1',
    '0',
    '01',
    '1.0',
    'v1',
  ]);
});

test('a folder with neither a version nor a configuration is no model', async () => {
  using folder = new RepositoryFolder();
  folder.put('notes/readme.txt', 'hello');
  folder.put('m/1/model.onnx');
  const { models, warnings } = await list(folder);
  assert.deepEqual([...models.keys()], ['m']);
  assert.match(warnings.join(), /'notes' is ignored/);
});

test('a name that is in two repositories is served from neither', async () => {
  using first = new RepositoryFolder();
  using second = new RepositoryFolder();
  using third = new RepositoryFolder();
  for (const folder of [first, second, third]) folder.put('twice/1/model.onnx');
  first.put('once/1/model.onnx');
  const listing = await listModels([first.path, second.path, third.path], undefined);
  assert.deepEqual([...listing.models.keys()], ['once']);
  assert.match(listing.refused.get('twice') ?? '', /more than once/);
});

test('a repository given twice is read once', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  const listing = await listModels([folder.path, `${folder.path}/`], undefined);
  assert.deepEqual([...listing.models.keys()], ['m']);
});

test('a named configuration is taken where it exists', async () => {
  using folder = new RepositoryFolder();
  for (const name of ['a', 'b']) {
    folder.put(`${name}/1/model.onnx`);
    folder.put(`${name}/config.pbtxt`, 'max_batch_size: 1');
  }
  folder.put('a/configs/large.pbtxt', 'max_batch_size: 64');
  const { models } = await list(folder, 'large');
  assert.equal(models.get('a')?.configText, 'max_batch_size: 64');
  assert.equal(models.get('b')?.configText, 'max_batch_size: 1');
});

test('a flat folder of .onnx files holds a model for each', async () => {
  using folder = new RepositoryFolder();
  folder.put('a.onnx');
  folder.put('b.onnx/model.onnx');
  folder.put('b.onnx/weights.data', 'w');
  folder.put('model.onnx');
  folder.put('a.onnx.data', 'w');
  assert.deepEqual(shown(await list(folder)), { a: ['1'], b: ['1'], model: ['1'] });
});

test('a single .onnx file is a model that is named after it', async () => {
  using folder = new RepositoryFolder();
  const listing = await listModels([folder.put('resnet-50.v2.onnx')], undefined);
  assert.deepEqual(shown(listing), { 'resnet-50.v2': ['1'] });
});

const mounts: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['a model.onnx right inside', ['mnt/model.onnx'], ['1']],
  ['a model.onnx and its data', ['mnt/model.onnx', 'mnt/model.onnx.data'], ['1']],
  ['a folder model.onnx', ['mnt/model.onnx/model.onnx'], ['1']],
  ['version folders', ['mnt/1/model.onnx', 'mnt/3/model.onnx'], ['1', '3']],
  ['version folders and a configuration', ['mnt/config.pbtxt', 'mnt/2/model.onnx'], ['2']],
];

for (const [title, files, versions] of mounts) {
  test(`a repository with ${title} is itself a model, named after its folder`, async () => {
    using folder = new RepositoryFolder();
    for (const file of files) folder.put(file, '');
    const listing = await listModels([join(folder.path, 'mnt')], undefined);
    assert.deepEqual(shown(listing), { mnt: versions });
  });
}

test('a mounted model takes the name that its configuration gives', async () => {
  using folder = new RepositoryFolder();
  folder.put('mnt/1/model.onnx');
  folder.put('mnt/config.pbtxt', '# mounted\nname: "iris"\n');
  assert.deepEqual(shown(await listModels([join(folder.path, 'mnt')], undefined)), { iris: ['1'] });
});

test('a model may be named by a number', async () => {
  using folder = new RepositoryFolder();
  folder.put('7/1/model.onnx');
  folder.put('8/2/model.onnx');
  assert.deepEqual(shown(await list(folder)), { 7: ['1'], 8: ['2'] });
});

test('links inside of the repository are followed, as Kubernetes mounts them', async () => {
  using folder = new RepositoryFolder();
  folder.put('..2026_11_21/m/1/model.onnx');
  symlinkSync('..2026_11_21', join(folder.path, '..data'));
  symlinkSync('..data/m', join(folder.path, 'm'));
  assert.deepEqual(shown(await list(folder)), { m: ['1'] });
});

test('a model folder that is a link out of the repository is refused, and says so', async () => {
  using folder = new RepositoryFolder();
  using outside = new RepositoryFolder();
  outside.put('secret/1/model.onnx');
  symlinkSync(join(outside.path, 'secret'), join(folder.path, 'm'));
  folder.put('good/1/model.onnx');
  const listing = await list(folder);
  assert.deepEqual([...listing.models.keys()], ['good']);
  assert.match(listing.refused.get('m') ?? '', /leads out/);
  assert.ok(!(listing.refused.get('m') ?? '').includes(outside.path));
});

const escapes: readonly (readonly [string, (folder: string, outside: string) => void])[] = [
  ['a version folder', (folder, outside) => symlinkSync(join(outside, 'm/1'), join(folder, 'm/2'))],
  [
    'the configuration',
    (folder, outside) => symlinkSync(join(outside, 'secret.txt'), join(folder, 'm/config.pbtxt')),
  ],
];

for (const [title, link] of escapes) {
  test(`a model is refused when ${title} is a link out of the repository`, async () => {
    using folder = new RepositoryFolder();
    using outside = new RepositoryFolder();
    outside.put('m/1/model.onnx');
    outside.put('secret.txt', 'secret');
    folder.put('m/1/model.onnx');
    link(folder.path, outside.path);
    const listing = await list(folder);
    assert.deepEqual([...listing.models.keys()], []);
    assert.match(listing.refused.get('m') ?? '', /leads out/);
  });
}

test('a configuration that is no small file is refused without reading it', async () => {
  using folder = new RepositoryFolder();
  folder.put('large/1/model.onnx');
  folder.put('large/config.pbtxt', '#'.repeat(2 << 20));
  folder.put('folder/1/model.onnx');
  mkdirSync(join(folder.path, 'folder/config.pbtxt'));
  const { refused } = await list(folder);
  assert.deepEqual([...refused.keys()].sort(), ['folder', 'large']);
});

test('folders whose names no model may have are ignored with a warning', async () => {
  using folder = new RepositoryFolder();
  folder.put('a:b/1/model.onnx');
  folder.put('new\nline/1/model.onnx');
  folder.put('größe_1.2/1/model.onnx');
  const { models, warnings } = await list(folder);
  assert.deepEqual([...models.keys()], ['größe_1.2']);
  assert.equal(warnings.length, 2);
  assert.ok(warnings.every((warning) => !warning.includes('\n')));
});

test('a repository that is not there is an error that names it', async () => {
  await assert.rejects(listModels(['/no/such/folder'], undefined), (error) => {
    assert.ok(error instanceof ServingError);
    assert.equal(error.reason, 'MODEL_REPOSITORY');
    return error.message.includes('/no/such/folder');
  });
});

test('lost+found, which only root may read on a volume, is neither a model nor a version', async () => {
  using folder = new RepositoryFolder();
  chmodSync(folder.path, 0o755);
  folder.put('m/1/model.onnx');
  for (const place of ['lost+found', 'm/lost+found']) {
    mkdirSync(join(folder.path, place));
    chmodSync(join(folder.path, place), 0);
  }
  const listing = await withoutPrivileges(() => list(folder));
  for (const place of ['lost+found', 'm/lost+found']) chmodSync(join(folder.path, place), 0o700);
  assert.deepEqual(shown(listing), { m: ['1'] });
  assert.deepEqual([...listing.refused], []);
  assert.deepEqual(listing.warnings, []);
});

test('models that may not be read are refused alone', async () => {
  using folder = new RepositoryFolder();
  chmodSync(folder.path, 0o755);
  folder.put('good/1/model.onnx');
  for (const name of ['closed', 'flat.onnx']) {
    mkdirSync(join(folder.path, name));
    chmodSync(join(folder.path, name), 0);
  }
  const listing = await withoutPrivileges(() => list(folder));
  for (const name of ['closed', 'flat.onnx']) chmodSync(join(folder.path, name), 0o700);
  assert.deepEqual([...listing.models.keys()], ['good']);
  assert.deepEqual([...listing.refused.keys()].sort(), ['closed', 'flat.onnx']);
  assert.ok([...listing.refused.values()].every((reason) => !reason.includes(folder.path)));
});

test('a repository that may not be read is an error that names it', async () => {
  using folder = new RepositoryFolder();
  chmodSync(folder.path, 0);
  await assert.rejects(
    withoutPrivileges(() => list(folder)),
    (error) => {
      assert.ok(error instanceof ServingError);
      assert.equal(error.reason, 'MODEL_REPOSITORY');
      return error.message.includes(folder.path);
    },
  );
  chmodSync(folder.path, 0o700);
});

test('an empty repository has no models', async () => {
  using folder = new RepositoryFolder();
  assert.deepEqual(shown(await list(folder)), {});
});

test('a model.onnx beside another .onnx file is one of two models', async () => {
  using folder = new RepositoryFolder();
  folder.put('model.onnx');
  folder.put('zebra.onnx');
  assert.deepEqual(shown(await list(folder)), { model: ['1'], zebra: ['1'] });
});
