import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ServingError } from '../../../src/errors.ts';
import { isModelName, pathSegments } from '../../../src/models/confined-path.ts';
import { writeOverride } from '../../../src/models/override-files.ts';
import { refusalOf } from '../../support/refusal.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

test('uploaded files lie in a private folder until the source is disposed', async () => {
  const source = await writeOverride(
    'm',
    new Map([
      ['2/model.onnx', bytes('two')],
      ['10/model.onnx', bytes('ten')],
      ['10/deep/weights', bytes('w')],
      ['labels.txt', bytes('a')],
    ]),
  );
  assert.deepEqual([...source.versions.keys()], ['2', '10']);
  assert.equal(statSync(source.folder).mode & 0o777, 0o700);
  assert.equal(statSync(join(source.folder, '10/deep')).mode & 0o777, 0o700);
  assert.equal(statSync(join(source.folder, '2/model.onnx')).mode & 0o777, 0o600);
  assert.equal(readFileSync(join(source.folder, '10/deep/weights'), 'utf8'), 'w');
  await source[Symbol.asyncDispose]();
  assert.equal(existsSync(source.folder), false);
});

const badPaths = ['../m', '/m', '1/../../m', '1/', '', '.', '1//m', '1\\m', '1/.m', '1/a\0', '1/a\nb'];

for (const path of badPaths) {
  test(`a file for ${JSON.stringify(path)} is refused before anything is written`, async () => {
    using parent = new TemporaryFolder();
    await assert.rejects(writeOverride('m', new Map([[path, bytes('x')]]), parent.path), /plain names/);
    assert.deepEqual(readdirSync(parent.path), []);
  });
}

test('a file in the place of a folder is refused and leaves nothing behind', async () => {
  using parent = new TemporaryFolder();
  const files = new Map([
    ['1/model.onnx', bytes('x')],
    ['1/model.onnx/model.onnx', bytes('x')],
  ]);
  await assert.rejects(writeOverride('m', files, parent.path), (error) => {
    assert.ok(error instanceof ServingError);
    return !error.message.includes(parent.path);
  });
  assert.deepEqual(readdirSync(parent.path), []);
});

test('names of models: dots inside are allowed, ways elsewhere are not', () => {
  for (const name of ['m', 'model..1', 'größe', 'a b', 'm-1_2+3@4=5~6']) assert.ok(isModelName(name), name);
  for (const name of [
    '',
    ' ',
    '.',
    '..',
    '...',
    '.m',
    '../m',
    'a/b',
    'a\\b',
    'a\0',
    'a\n',
    'm'.repeat(256),
  ]) {
    assert.ok(!isModelName(name), JSON.stringify(name));
  }
});

test('no path that is taken leads out of the folder that it is joined to', () => {
  const part = fc.oneof(fc.constantFrom('..', '.', '', 'a', '\\', '~', '%2e%2e', 'a..', '..a'), fc.string());
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const path = parts.join('/');
      let segments: readonly string[];
      try {
        segments = pathSegments(path);
      } catch (error) {
        assert.ok(error instanceof ServingError);
        return;
      }
      assert.equal(join('/base', ...segments), `/base/${path}`);
    }),
  );
  assert.deepEqual(pathSegments('1/model.onnx'), ['1', 'model.onnx']);
  assert.equal(refusalOf(() => pathSegments('a/../b')).code, 'invalid_argument');
});
