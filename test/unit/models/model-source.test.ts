import assert from 'node:assert/strict';
import { linkSync, mkdirSync, realpathSync, symlinkSync, truncateSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { findModelFiles, readLabels, type ModelSource } from '../../../src/models/model-source.ts';
import { listModels } from '../../../src/models/repository.ts';
import { buildOnnx } from '../../support/build-onnx.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

async function sourceIn(folder: RepositoryFolder, name = 'm'): Promise<ModelSource> {
  const source = (await listModels([folder.path], undefined)).models.get(name);
  assert.ok(source !== undefined);
  return source;
}

/** Files of version 1 relative to the repository. */
async function filesIn(folder: RepositoryFolder, fileName = 'model.onnx', name = 'm'): Promise<string[]> {
  const source = await sourceIn(folder, name);
  const version = source.versions.get('1');
  assert.ok(version !== undefined);
  const { files } = await findModelFiles(source, version, fileName);
  return files.map((file) => relative(realpathSync(folder.path), file));
}

test('the files of a version are its model and the external data that it names', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx', buildOnnx('model.onnx.data', 'more/weights.bin', 'model.onnx.data'));
  folder.put('m/1/model.onnx.data', 'w');
  folder.put('m/1/more/weights.bin', 'w');
  assert.deepEqual(await filesIn(folder), ['m/1/model.onnx', 'm/1/model.onnx.data', 'm/1/more/weights.bin']);
});

test('a folder model.onnx holds the model and its data', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx/model.onnx', buildOnnx('weights'));
  folder.put('m/1/model.onnx/weights', 'w');
  assert.deepEqual(await filesIn(folder), ['m/1/model.onnx/model.onnx', 'm/1/model.onnx/weights']);
});

test('a folder in the place of the model holds one .onnx file of any name, or says that it does not', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx/net.onnx', buildOnnx('weights'));
  folder.put('m/1/model.onnx/weights', 'w');
  assert.deepEqual(await filesIn(folder), ['m/1/model.onnx/net.onnx', 'm/1/model.onnx/weights']);
  folder.put('m/1/model.onnx/other.onnx');
  await assert.rejects(filesIn(folder), /the folder 'model\.onnx' holds 2 \.onnx files/);
});

test("the configuration's file name is taken", async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/other.onnx');
  assert.deepEqual(await filesIn(folder, 'other.onnx'), ['m/1/other.onnx']);
});

test('a missing model says which file lies there instead', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/resnet.onnx');
  await assert.rejects(
    filesIn(folder),
    /there is no 'model\.onnx'; there is 'resnet\.onnx': rename it, or set default_model_filename/,
  );
});

test('in a flat folder the file decides, not the configuration', async () => {
  using folder = new RepositoryFolder();
  folder.put('a.onnx', buildOnnx('a.data'));
  folder.put('b.onnx');
  folder.put('a.data', 'w');
  assert.deepEqual(await filesIn(folder, 'b.onnx', 'a'), ['a.onnx', 'a.data']);
});

const badLocations = [
  '../weights',
  'a/../../weights',
  '/etc/passwd',
  '..',
  '.',
  '',
  './weights',
  'a//b',
  'a\\..\\b',
  'a\0b',
  '*/_ORT_MEM_ADDR_/*',
  '.hidden',
  'x'.repeat(300),
];

for (const location of badLocations) {
  test(`external data at ${JSON.stringify(location).slice(0, 40)} is refused`, async () => {
    using folder = new RepositoryFolder();
    folder.put('m/1/model.onnx', buildOnnx(location));
    folder.put('weights', 'secret');
    folder.put('m/weights', 'secret');
    await assert.rejects(filesIn(folder), /is not a relative path of plain names/);
  });
}

test('external data that is not there is refused by name', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx', buildOnnx('weights'));
  await assert.rejects(filesIn(folder), /the external data 'weights' is missing/);
});

test('external data that is a link to another model is refused', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx', buildOnnx('weights'));
  folder.put('other/1/secret', 'secret');
  folder.put('other/1/model.onnx');
  symlinkSync(join(folder.path, 'other/1/secret'), join(folder.path, 'm/1/weights'));
  await assert.rejects(filesIn(folder), /'weights' leads out/);
});

test('external data below a folder that is a link is refused', async () => {
  using folder = new RepositoryFolder();
  using outside = new RepositoryFolder();
  outside.put('secret', 'secret');
  folder.put('m/1/model.onnx', buildOnnx('data/secret'));
  symlinkSync(outside.path, join(folder.path, 'm/1/data'));
  await assert.rejects(filesIn(folder), /'data\/secret' leads out/);
});

test('external data that is a hard link is refused', async () => {
  using folder = new RepositoryFolder();
  using outside = new RepositoryFolder();
  folder.put('m/1/model.onnx', buildOnnx('weights'));
  linkSync(outside.put('secret', 'secret'), join(folder.path, 'm/1/weights'));
  await assert.rejects(filesIn(folder), /'weights' is a hard link/);
});

test('external data outside of the folder of its model is refused, even in the same model', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx', buildOnnx('weights'));
  folder.put('m/shared/weights', 'w');
  symlinkSync('../shared/weights', join(folder.path, 'm/1/weights'));
  await assert.rejects(filesIn(folder), /'weights' leads out/);
});

test('a version that is a link, with its data, is taken where it really lies', async () => {
  using folder = new RepositoryFolder();
  folder.put('..data/m/1/model.onnx', buildOnnx('weights'));
  folder.put('..data/m/1/weights', 'w');
  symlinkSync('..data/m', join(folder.path, 'm'));
  assert.deepEqual(await filesIn(folder), ['..data/m/1/model.onnx', '..data/m/1/weights']);
});

test('external data that is a folder is refused', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx', buildOnnx('weights'));
  mkdirSync(join(folder.path, 'm/1/weights'));
  await assert.rejects(filesIn(folder), /'weights' is not a file/);
});

test('a model file that is a link out of the repository is refused', async () => {
  using folder = new RepositoryFolder();
  using outside = new RepositoryFolder();
  mkdirSync(join(folder.path, 'm/1'), { recursive: true });
  symlinkSync(outside.put('model.onnx'), join(folder.path, 'm/1/model.onnx'));
  await assert.rejects(filesIn(folder), /'model\.onnx' leads out/);
});

test('a file name that leads elsewhere is refused', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  folder.put('m/2/model.onnx');
  for (const name of ['../2/model.onnx', '/etc/passwd', '..']) {
    await assert.rejects(filesIn(folder, name), /is not a relative path of plain names/);
  }
});

test('labels are the lines of their file; empty ones in between count', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  folder.put('m/labels.txt', 'cat\r\n\ndog\n');
  assert.deepEqual(await readLabels(await sourceIn(folder), 'labels.txt'), ['cat', '', 'dog']);
});

test('labels that are missing, lead out or are a folder are refused', async () => {
  using folder = new RepositoryFolder();
  using outside = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  symlinkSync(outside.put('secret', 'secret'), join(folder.path, 'm/linked.txt'));
  const source = await sourceIn(folder);
  await assert.rejects(readLabels(source, 'none.txt'), /there is no 'none\.txt'/);
  await assert.rejects(readLabels(source, '../m/linked.txt'), /plain names/);
  await assert.rejects(readLabels(source, 'linked.txt'), /leads out/);
  await assert.rejects(readLabels(source, '1'), /is not a file/);
});

test('a folder whose name only begins as that of the version is another one', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx', buildOnnx('weights'));
  folder.put('m/10/weights', 'w');
  symlinkSync('../10/weights', join(folder.path, 'm/1/weights'));
  await assert.rejects(filesIn(folder), /'weights' leads out/);
});

test('labels that fill more than 16 MiB are refused unread', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  truncateSync(folder.put('m/labels.txt', ''), 16 * 1024 * 1024 + 1);
  await assert.rejects(readLabels(await sourceIn(folder), 'labels.txt'), /has more than 16777216 bytes/);
});
