import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { CallContext } from '../../../src/inference/call-context.ts';
import type { SystemRegion, TensorPlace } from '../../../src/inference/shared-memory.ts';
import { ClientMemory } from '../../../src/shared-memory/client-memory.ts';
import type { RegionHandle } from '../../../src/shared-memory/region.ts';
import { principalNamed } from '../../support/build-target.ts';
import { Latch } from '../../support/latch.ts';
import { SharedObject } from '../../support/shared-object.ts';

function region(object: SharedObject, replaced: Partial<SystemRegion> = {}): SystemRegion {
  return { name: 'r', key: object.key, offset: 0, byte_size: 64, ...replaced };
}

function placeIn(name: string): TensorPlace {
  return { region: name, offset: 0, sizeBytes: 4 };
}

function hold(memory: ClientMemory, name: string, call = callOf('a')): CallContext {
  memory.hold({ inputs: [placeIn(name)], outputs: new Map() }, call);
  return call;
}

function callOf(caller: string): CallContext {
  return new CallContext(0, Infinity, principalNamed(caller));
}

/** How often this process has the object open. */
function opened({ path }: SharedObject): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      // It was open while the folder was read only.
      return false;
    }
  }).length;
}

function refusedWith(code: string, text: RegExp | string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ServingError);
    assert.equal(error.code, code);
    if (typeof text === 'string') assert.equal(error.message, text);
    else assert.match(error.message, text);
    return true;
  };
}

test('a region is told of until it is unregistered, which does not mind names that are not there', async () => {
  using object = new SharedObject(Buffer.alloc(64));
  using memory = new ClientMemory();
  await memory.register('a', region(object));
  await memory.register('a', region(object, { name: 's', offset: 16, byte_size: 48 }));
  assert.deepEqual(memory.status('a', 's'), [{ name: 's', key: object.key, offset: 16, byte_size: 48 }]);
  assert.deepEqual(
    memory.status('a', '').map(({ name }) => name),
    ['r', 's'],
  );
  await memory.unregister('a', 'r');
  await memory.unregister('a', 'r');
  assert.throws(
    () => memory.status('a', 'r'),
    refusedWith('not_found', "Unable to find system shared memory region: 'r'"),
  );
  await memory.unregister('a', '');
  assert.deepEqual(memory.status('a', ''), []);
});

const refused: readonly (readonly [string, Partial<SystemRegion>, string, string])[] = [
  ['more bytes than it has', { byte_size: 65 }, 'invalid_argument', "'r': invalid args"],
  ['bytes behind its end', { offset: 1 }, 'invalid_argument', "'r': invalid args"],
  ['an offset behind its end', { offset: 2 ** 60 }, 'invalid_argument', "'r': invalid args"],
  ['more bytes than a number counts', { byte_size: 2 ** 64 }, 'invalid_argument', "'r': invalid args"],
  ['no bytes', { byte_size: 0 }, 'invalid_argument', "'r': invalid args"],
  ['a negative offset', { offset: -64, byte_size: 128 }, 'invalid_argument', "'r': invalid args"],
  ['an object that is not there', { key: 'nowhere' }, 'invalid_argument', 'Unable to open'],
  ['no name', { name: '' }, 'invalid_argument', "'region name' is necessary"],
  ['a very long name', { name: 'n'.repeat(1025) }, 'invalid_argument', 'invalid args'],
];

for (const [title, replaced, code, text] of refused) {
  test(`a region of ${title} is refused, and leaves no open file`, async () => {
    using object = new SharedObject(Buffer.alloc(64));
    using memory = new ClientMemory();
    const pattern = new RegExp(text.replace(/[()]/g, '\\$&'));
    await assert.rejects(memory.register('a', region(object, replaced)), refusedWith(code, pattern));
    assert.equal(opened(object), 0);
    assert.deepEqual(memory.status('a', ''), []);
  });
}

test('a name is taken once, also for another object', async () => {
  using object = new SharedObject(Buffer.alloc(64));
  using other = new SharedObject(Buffer.alloc(64));
  using memory = new ClientMemory();
  await memory.register('a', region(object));
  await assert.rejects(
    memory.register('a', region(other)),
    refusedWith('already_exists', "shared memory region 'r' already in manager"),
  );
  assert.equal(memory.status('a', 'r')[0]?.key, object.key);
});

test('callers neither see, use nor remove each other’s regions, and may use the same names', async () => {
  using object = new SharedObject(Buffer.alloc(64));
  using memory = new ClientMemory();
  await memory.register('a', region(object));
  assert.deepEqual(memory.status('b', ''), []);
  assert.throws(
    () => hold(memory, 'r', callOf('b')),
    refusedWith('not_found', "Unable to find shared memory region: 'r'"),
  );
  await memory.unregister('b', '');
  await memory.unregister('b', 'r');
  await memory.register('b', region(object, { byte_size: 8 }));
  assert.equal(memory.status('a', 'r')[0]?.byte_size, 64);
  assert.equal(memory.status('b', 'r')[0]?.byte_size, 8);
});

test('one caller gets half of all regions, and all callers together no more than 1024', async () => {
  using object = new SharedObject(Buffer.alloc(64));
  using memory = new ClientMemory();
  for (const caller of ['a', 'b']) {
    for (let index = 0; index < 512; index++) {
      await memory.register(caller, region(object, { name: String(index) }));
    }
    await assert.rejects(
      memory.register(caller, region(object)),
      refusedWith('resource_exhausted', /more than (512|1024) shared memory regions/),
    );
  }
  await assert.rejects(memory.register('c', region(object)), refusedWith('resource_exhausted', /1024/));
  await memory.unregister('a', '7');
  await memory.register('c', region(object));
});

test('a region that is unregistered stays open until the calls that use it are finished, and no longer', async () => {
  using object = new SharedObject(Buffer.from('12345678'));
  using memory = new ClientMemory();
  await memory.register('a', region(object, { byte_size: 8 }));
  const first = callOf('a');
  const place = placeIn('r');
  const tensors = memory.hold({ inputs: [place, place], outputs: new Map() }, first);
  const second = hold(memory, 'r');
  await memory.unregister('a', '');
  assert.throws(() => hold(memory, 'r'), refusedWith('not_found', /Unable to find/));
  second.finish();
  await new Promise(setImmediate);
  assert.equal(opened(object), 1);
  const inputs = ['x', 'y'].map((name) => ({
    name,
    datatype: 'UINT8' as const,
    shape: [4],
    data: new Uint8Array(0),
  }));
  assert.equal(Buffer.from(tensors.readInputs(inputs)[1]?.data ?? []).toString(), '1234');
  first.finish();
  await new Promise(setImmediate);
  assert.equal(opened(object), 0);
});

test('a region is closed when other threads do not use it any more either, and told of to them at once', async () => {
  using object = new SharedObject(Buffer.alloc(64));
  const idle = new Latch();
  const told: (readonly RegionHandle[])[] = [];
  using memory = new ClientMemory({
    publish: async (regions) => void told.push(regions),
    idle: (id) => idle.opened.then(() => assert.equal(id, 0)),
  });
  await memory.register('a', region(object));
  assert.equal(told.at(-1)?.[0]?.name, 'r');
  await memory.unregister('a', 'r');
  assert.deepEqual(told.at(-1), []);
  assert.equal(opened(object), 1);
  idle.open();
  await new Promise(setImmediate);
  assert.equal(opened(object), 0);
});

test('what is left open is closed with the server', async () => {
  using object = new SharedObject(Buffer.alloc(64));
  const memory = new ClientMemory();
  await memory.register('a', region(object));
  assert.equal(opened(object), 1);
  memory[Symbol.dispose]();
  assert.equal(opened(object), 0);
});
