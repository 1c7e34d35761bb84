import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { Region } from '../../../src/shared-memory/region.ts';
import { refusalOf } from '../../support/refusal.ts';
import { SharedObject } from '../../support/shared-object.ts';

function open(object: SharedObject, flags: string, byte_size: number): Region & Disposable {
  const fd = openSync(object.path, flags);
  const region = new Region({ id: 0, owner: 'a', fd, name: 'r', key: object.key, offset: 0, byte_size });
  return Object.assign(region, { [Symbol.dispose]: () => closeSync(fd) });
}

test('what the system says when it cannot write is not told to the client, only that the region is of no use', () => {
  using object = new SharedObject(Buffer.alloc(8));
  using region = open(object, 'r', 8);
  const { message, code, cause } = refusalOf(() => region.write(0, Buffer.alloc(8)));
  assert.equal(code, 'failed_precondition');
  assert.equal(message, "shared memory region 'r' cannot be used");
  assert.match(String(cause), /EBADF/);
});

test('places beyond 2 GiB are where they are said to be, and a place without bytes is no read', () => {
  using object = new SharedObject(Buffer.alloc(8));
  const sizeBytes = 2 ** 32 + 8;
  object.truncate(sizeBytes);
  using region = open(object, 'r+', sizeBytes);
  region.write(2 ** 32, Buffer.from('ab'));
  assert.equal(region.read(2 ** 32, 2).toString(), 'ab');
  assert.deepEqual(region.read(0, 2), Buffer.alloc(2));
  assert.equal(region.read(0, 0).length, 0);
});

test("memory without room for the output is the client's to make, and nothing of the path is told", () => {
  // The device takes no byte. It has no length either, so that the place ends where it begins.
  const fd = openSync('/dev/full', 'r+');
  using _ = { [Symbol.dispose]: () => closeSync(fd) };
  const region = new Region({ id: 0, owner: 'a', fd, name: 'r', key: 'k', offset: -8, byte_size: 8 });
  const { message, code, reason, cause } = refusalOf(() => region.write(0, Buffer.alloc(8)));
  assert.equal(code, 'resource_exhausted');
  assert.doesNotMatch(message, /dev|ENOSPC/);
  assert.match(message, /'r'/);
  assert.equal(reason, 'SHARED_MEMORY_FULL');
  assert.match(String(cause), /ENOSPC/);
});
