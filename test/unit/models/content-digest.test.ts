import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contentDigest, contentStamp } from '../../../src/models/content-digest.ts';
import { listModels } from '../../../src/models/repository.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';
import { withoutPrivileges } from '../../support/without-privileges.ts';

async function stampIn(folder: RepositoryFolder, name = 'm'): Promise<string> {
  const source = (await listModels([folder.path], undefined)).models.get(name);
  assert.ok(source !== undefined);
  return contentStamp(source);
}

test('the digest follows contents and their order, not names', async () => {
  using folder = new RepositoryFolder();
  const [one, same, other] = [folder.put('a', 'one'), folder.put('b', 'one'), folder.put('c', 'other')];
  assert.match(await contentDigest([one]), /^[0-9a-f]{64}$/);
  assert.equal(await contentDigest([one, other]), await contentDigest([same, other]));
  assert.notEqual(await contentDigest([one, other]), await contentDigest([other, one]));
});

test('the digest tells apart files whose contents only join to the same bytes', async () => {
  using folder = new RepositoryFolder();
  const [ab, c, a, bc] = ['ab', 'c', 'a', 'bc'].map((text) => folder.put(text, text));
  assert.notEqual(await contentDigest([ab!, c!]), await contentDigest([a!, bc!]));
});

test('the digest covers a file of many pieces to its last byte', async () => {
  using folder = new RepositoryFolder();
  const large = Buffer.alloc(600 * 1024);
  const before = await contentDigest([folder.put('large', large)]);
  large[large.length - 1] = 1;
  assert.notEqual(await contentDigest([folder.put('large', large)]), before);
});

const changes: readonly (readonly [string, (folder: RepositoryFolder) => void])[] = [
  ['a file that grows', (folder) => folder.put('m/1/weights', 'longer')],
  ['a new version', (folder) => folder.put('m/2/model.onnx')],
  ['new external data', (folder) => folder.put('m/1/deep/er/weights', 'w')],
  ['another configuration', (folder) => folder.put('m/config.pbtxt', 'max_batch_size: 8')],
  ['another time', (folder) => utimesSync(join(folder.path, 'm/1/weights'), 1, 2)],
  ['a file that goes', (folder) => rmSync(join(folder.path, 'm/1/weights'))],
  [
    'a file that takes the place of another',
    (folder) => {
      folder.put('new', 'w');
      utimesSync(join(folder.path, 'new'), 7, 7);
      renameSync(join(folder.path, 'new'), join(folder.path, 'm/1/weights'));
    },
  ],
];

for (const [title, change] of changes) {
  test(`the stamp follows ${title}`, async () => {
    using folder = new RepositoryFolder();
    folder.put('m/1/model.onnx');
    folder.put('m/1/weights', 'w');
    utimesSync(join(folder.path, 'm/1/weights'), 7, 7);
    const before = await stampIn(folder);
    assert.equal(await stampIn(folder), before);
    change(folder);
    assert.notEqual(await stampIn(folder), before);
  });
}

test('the stamp follows a volume that Kubernetes swaps by a link', async () => {
  using folder = new RepositoryFolder();
  for (const mount of ['..one', '..two']) {
    utimesSync(folder.put(`${mount}/m/1/model.onnx`), 7, 7);
  }
  symlinkSync('..one', join(folder.path, '..data'));
  symlinkSync('..data/m', join(folder.path, 'm'));
  const before = await stampIn(folder);
  rmSync(join(folder.path, '..data'));
  symlinkSync('..two', join(folder.path, '..data'));
  assert.notEqual(await stampIn(folder), before);
});

test('the stamp of a file in a flat folder leaves other models out', async () => {
  using folder = new RepositoryFolder();
  folder.put('a.onnx');
  folder.put('b.onnx');
  const before = await stampIn(folder, 'a');
  folder.put('b.onnx', 'longer than a model that has no external data could be'.repeat(9));
  folder.put('other/1/model.onnx');
  assert.equal(await stampIn(folder, 'a'), before);
  folder.put('a.onnx.data', 'w');
  assert.notEqual(await stampIn(folder, 'a'), before);
});

test('what a link out of the repository leads to is not looked at', async () => {
  using folder = new RepositoryFolder();
  using outside = new RepositoryFolder();
  outside.put('large/data', 'w');
  folder.put('m/1/model.onnx');
  symlinkSync(outside.path, join(folder.path, 'm/out'));
  symlinkSync(join(outside.path, 'large/data'), join(folder.path, 'm/1/data'));
  const before = await stampIn(folder);
  outside.put('large/data', 'longer');
  assert.equal(await stampIn(folder), before);
});

test('links that lead in circles are walked once', { timeout: 5000 }, async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) symlinkSync('.', join(folder.path, 'm', name));
  assert.equal(await stampIn(folder), await stampIn(folder));
});

test('the stamp follows a link from one folder of the model to another', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  folder.put('m/3/model.onnx');
  symlinkSync('1', join(folder.path, 'm/2'));
  const before = await stampIn(folder);
  rmSync(join(folder.path, 'm/2'));
  symlinkSync('3', join(folder.path, 'm/2'));
  assert.notEqual(await stampIn(folder), before);
});

test('a folder that may not be read does not hide changes beside it', async () => {
  using folder = new RepositoryFolder();
  chmodSync(folder.path, 0o755);
  folder.put('m/1/model.onnx');
  mkdirSync(join(folder.path, 'm/private'));
  chmodSync(join(folder.path, 'm/private'), 0);
  const before = await withoutPrivileges(() => stampIn(folder));
  folder.put('m/1/weights', 'w');
  assert.notEqual(await withoutPrivileges(() => stampIn(folder)), before);
  chmodSync(join(folder.path, 'm/private'), 0o700);
});

test('there is no stamp of a model whose folder has gone', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  const source = (await listModels([folder.path], undefined)).models.get('m');
  assert.ok(source !== undefined);
  rmSync(join(folder.path, 'm'), { recursive: true });
  await assert.rejects(contentStamp(source), { code: 'ENOENT' });
});
