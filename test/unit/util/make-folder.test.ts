import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolder } from '../../../src/util/make-folder.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

test('a folder is made with those on its way, and left alone when it is there', () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, 'a', 'b', 'c');
  makeFolder(path, 0o700);
  makeFolder(path, 0o700);
  assert.equal(statSync(path).mode & 0o777, 0o700);
});

test('what stands in the way is told', () => {
  using folder = new TemporaryFolder();
  const file = folder.write('file', '');
  assert.throws(() => makeFolder(join(file, 'a')), { code: 'EEXIST' });
});

test('where the system makes no folders that is told, and soon', { skip: !existsSync('/proc/self') }, () => {
  assert.throws(() => makeFolder('/proc/nothing/here'), { code: 'ENOENT' });
});
