import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { test } from 'node:test';
import { CallContext } from '../../../src/inference/call-context.ts';
import { FollowedMemory } from '../../../src/shared-memory/followed-memory.ts';
import { openObject } from '../../../src/shared-memory/open-object.ts';
import type { RegionHandle } from '../../../src/shared-memory/region.ts';
import { principalNamed } from '../../support/build-target.ts';
import { refusalOf } from '../../support/refusal.ts';
import { SharedObject } from '../../support/shared-object.ts';

const nobody = {
  register: () => assert.fail('nothing is registered here'),
  unregister: () => assert.fail('nothing is unregistered here'),
};

const input = { name: 'x', datatype: 'UINT8', shape: [2], data: new Uint8Array(0) } as const;

function read(memory: FollowedMemory, call: CallContext): string {
  const places = { inputs: [{ region: 'r', offset: 0, sizeBytes: 2 }], outputs: new Map() };
  const [tensor] = memory.hold(places, call).readInputs([input]);
  return Buffer.from(tensor?.data ?? []).toString();
}

function call(): CallContext {
  return new CallContext(0, Infinity, principalNamed('a'));
}

class Fixture implements Disposable {
  readonly #objects: Disposable[] = [];

  handle(id: number, content: string): RegionHandle {
    const object = new SharedObject(Buffer.from(content));
    const { fd, sizeBytes } = openObject(object.key);
    this.#objects.push(object, { [Symbol.dispose]: () => closeSync(fd) });
    return { id, owner: 'a', fd, name: 'r', key: object.key, offset: 0, byte_size: sizeBytes };
  }

  [Symbol.dispose](): void {
    for (const object of this.#objects) object[Symbol.dispose]();
  }
}

test('requests find the regions of the last list, also where a name means another object since', () => {
  using fixture = new Fixture();
  const memory = new FollowedMemory(nobody, [fixture.handle(1, 'ab')]);
  assert.equal(read(memory, call()), 'ab');
  memory.follow([fixture.handle(2, 'cd')]);
  assert.equal(read(memory, call()), 'cd');
  assert.equal(memory.status('a', '').length, 1);
  memory.follow([]);
  assert.equal(refusalOf(() => read(memory, call())).code, 'not_found');
  assert.deepEqual(memory.status('a', ''), []);
});

test('a region is idle when the last call that uses it is finished, however often the list is told', async () => {
  using fixture = new Fixture();
  const handle = fixture.handle(1, 'ab');
  const memory = new FollowedMemory(nobody, [handle]);
  memory.follow([handle]);
  const using = call();
  read(memory, using);
  memory.follow([]);
  memory.follow([]);
  let idle = false;
  const waiting = memory.idle(1).finally(() => {
    idle = true;
  });
  await new Promise(setImmediate);
  assert.equal(idle, false);
  using.finish();
  await waiting;
  await memory.idle(1);
});

test('registrations go to the owner', async () => {
  const asked: unknown[] = [];
  const owner = {
    register: (...one: readonly unknown[]) => void asked.push(one),
    unregister: (...one: readonly unknown[]) => void asked.push(one),
  };
  const memory = new FollowedMemory(owner, []);
  const region = { name: 'r', key: 'k', offset: 0, byte_size: 1 };
  await memory.register('a', region);
  await memory.unregister('a', 'r');
  assert.deepEqual(asked, [
    ['a', region],
    ['a', 'r'],
  ]);
});
