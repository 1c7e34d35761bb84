import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { modelAtPlace } from '../../../src/models/model-place.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

test('a model at a place has the name that it is given, whatever its files say', async () => {
  using folder = new RepositoryFolder();
  folder.put('h/model/mine/1/model.onnx');
  folder.put('h/model/mine/config.pbtxt', 'name: "mine"');
  const place = { path: join(folder.path, 'h', 'model'), root: folder.path };
  const { name, renamed, versions } = await modelAtPlace('h', place);
  assert.deepEqual([name, renamed, [...versions.keys()]], ['h', true, ['1']]);
});

test('twice the bytes of the files must be there in memory', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx', new Uint8Array(600));
  folder.put('m/1/model.onnx.data', new Uint8Array(400));
  const place = { path: join(folder.path, 'm'), root: folder.path };
  await assert.rejects(modelAtPlace('m', place, 1999), {
    code: 'resource_exhausted',
    reason: 'MODEL_MEMORY',
  });
  assert.equal((await modelAtPlace('m', place, 2000)).name, 'm');
});

test('a place outside of its root is refused, and so is one whose root is not there', async () => {
  using folder = new RepositoryFolder();
  folder.put('a/1/model.onnx');
  folder.put('b/1/model.onnx');
  const [path, root] = [join(folder.path, 'a'), join(folder.path, 'b')];
  await assert.rejects(modelAtPlace('m', { path, root }), { code: 'invalid_argument' });
  await assert.rejects(modelAtPlace('m', { path, root: join(root, 'x') }), { code: 'invalid_argument' });
});

for (const name of ['', '..', 'a/b', '.hidden']) {
  test(`${JSON.stringify(name)} is no name for a model at a place`, async () => {
    using folder = new RepositoryFolder();
    folder.put('a/1/model.onnx');
    const place = { path: join(folder.path, 'a'), root: folder.path };
    await assert.rejects(modelAtPlace(name, place), { code: 'invalid_argument' });
  });
}
