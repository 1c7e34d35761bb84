import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { openObject } from '../../../src/shared-memory/open-object.ts';
import { refusalOf } from '../../support/refusal.ts';
import { SharedObject } from '../../support/shared-object.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

test('an object is found by its name with any number of leading slashes, as by shm_open', () => {
  using object = new SharedObject(Buffer.alloc(100));
  const name = object.key.slice(1);
  for (const key of [name, `/${name}`, `//${name}`]) {
    const { fd, sizeBytes } = openObject(key);
    closeSync(fd);
    assert.equal(sizeBytes, 100);
  }
});

const keys = ['', '/', '.', '..', '/..', '../etc/passwd', 'a/b', 'a/../b', 'a\0b', '\ud800', 'x'.repeat(256)];

for (const key of [...keys, 'tensorgate-test-not-there']) {
  test(`the key ${JSON.stringify(key).slice(0, 40)} opens nothing`, () => {
    const refused = refusalOf(() => openObject(key));
    assert.equal(refused.code, 'invalid_argument');
    assert.equal(refused.reason, 'SHARED_MEMORY_KEY');
    assert.match(refused.message, /^Unable to open shared memory region: '/);
  });
}

test('a link is not followed, wherever it leads', () => {
  using folder = new TemporaryFolder();
  using other = new SharedObject(Buffer.alloc(10));
  for (const target of [folder.write('secret', 'secret'), other.path]) {
    using object = new SharedObject(Buffer.alloc(10));
    object.replaceByLink(target);
    assert.equal(refusalOf(() => openObject(object.key)).reason, 'SHARED_MEMORY_KEY');
  }
});

test('a folder and a pipe are no objects, and nobody waits for the other end of the pipe', () => {
  const folder = `/dev/shm/tensorgate-test-folder-${process.pid}`;
  const pipe = `/dev/shm/tensorgate-test-pipe-${process.pid}`;
  mkdirSync(folder);
  execFileSync('/usr/bin/mkfifo', [pipe]);
  try {
    for (const path of [folder, pipe]) {
      const key = path.replace('/dev/shm/', '');
      assert.equal(refusalOf(() => openObject(key)).reason, 'SHARED_MEMORY_KEY');
    }
  } finally {
    rmdirSync(folder);
    rmSync(pipe);
  }
});

test('semaphores and the memory of a Triton beside it cannot be opened', () => {
  for (const prefix of ['sem.', 'triton_python_backend_shm_region_']) {
    const key = `${prefix}tensorgate-test-${process.pid}`;
    writeFileSync(`/dev/shm/${key}`, 'private');
    try {
      for (const name of [key, `/${key}`]) {
        assert.equal(refusalOf(() => openObject(name)).reason, 'SHARED_MEMORY_KEY');
      }
    } finally {
      rmSync(`/dev/shm/${key}`);
    }
  }
});

test('what is said of a key shows no path and nothing of what the system said', () => {
  const { message } = refusalOf(() => openObject('nowhere\n\u001b[31m'));
  assert.equal(message, "Unable to open shared memory region: 'nowhere??[31m'");
});
