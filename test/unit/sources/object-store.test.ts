import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ObjectStoreOrigin, type ObjectStore, type StoredObject } from '../../../src/sources/object-store.ts';
import { mostFiles } from '../../../src/sources/origin.ts';

/** What clients of stores throw: an error with a status, and texts that nobody may be shown. */
class ClientError extends Error {
  override readonly name = 'AccessDenied';
  readonly status: number | undefined;

  constructor(status?: number) {
    super('authorization: Bearer secret');
    this.status = status;
  }
}

const object = (key: string, more: Partial<StoredObject> = {}): StoredObject => ({
  key,
  sizeBytes: 3,
  tag: 't',
  open: async () => Readable.from([Buffer.from(key)]),
  ...more,
});

/** A store of the objects it is given, which also lists what does not begin with the prefix. */
class PuppetStore implements ObjectStore {
  readonly objects: readonly StoredObject[];
  listed = 0;
  asked: string | undefined;
  failure: Error | undefined;
  ended = false;

  constructor(...objects: readonly StoredObject[]) {
    this.objects = objects;
  }

  async *list(prefix: string): AsyncGenerator<StoredObject> {
    this.asked = prefix;
    if (this.failure !== undefined) throw this.failure;
    for (const one of this.objects) {
      this.listed += 1;
      yield one;
    }
  }

  statusOf(error: unknown): number | undefined {
    return error instanceof ClientError ? error.status : undefined;
  }

  hintOf(error: unknown): string | undefined {
    return error instanceof RangeError ? 'set the region' : undefined;
  }

  [Symbol.dispose](): void {
    this.ended = true;
  }
}

const { signal } = new AbortController();
const opening = { offset: 0, signal };

test('objects are files by what follows the prefix, and those beside it are none', async () => {
  const store = new PuppetStore(object('a/b/1/model.onnx'), object('ab/2/model.onnx'), object('a/c'));
  const { files } = await new ObjectStoreOrigin(store, 'a').list(signal);
  assert.equal(store.asked, 'a/');
  assert.deepEqual(
    files.map(({ path }) => path),
    ['b/1/model.onnx', 'c'],
  );
});

test('without a prefix all objects are taken', async () => {
  const store = new PuppetStore(object('a'), object('b/c'));
  const { files } = await new ObjectStoreOrigin(store, '').list(signal);
  assert.equal(store.asked, '');
  assert.deepEqual(
    files.map(({ path }) => path),
    ['a', 'b/c'],
  );
});

test('a prefix that nothing is below is refused', async () => {
  const origin = new ObjectStoreOrigin(new PuppetStore(object('b/c')), 'a');
  await assert.rejects(origin.list(signal), { reason: 'SOURCE_REFUSED' });
});

test('what stands for a folder is marked as one', async () => {
  const store = new PuppetStore(object('a/b', { isFolder: true }));
  const { files } = await new ObjectStoreOrigin(store, 'a').list(signal);
  assert.equal(files[0]?.path, 'b/');
});

test('an MD5 is told as hexadecimal digits, in whichever form the store has it', async () => {
  const store = new PuppetStore(
    object('text', { md5: 'q80=' }),
    object('bytes', { md5: Buffer.from([0xab, 0xcd]) }),
    object('none', { md5: undefined }),
  );
  const { files } = await new ObjectStoreOrigin(store, '').list(signal);
  const digest = { algorithm: 'md5', hex: 'abcd' };
  assert.deepEqual(
    files.map((file) => file.digest),
    [digest, digest, undefined],
  );
});

test('no store is listed for ever', async () => {
  const store = new PuppetStore(...Array.from({ length: mostFiles + 100 }, (_, at) => object(`${at}`)));
  const { files } = await new ObjectStoreOrigin(store, '').list(signal);
  assert.deepEqual([files.length, store.listed], [mostFiles + 1, mostFiles + 1]);
});

for (const [failure, reason, text] of [
  [
    new ClientError(401),
    'SOURCE_REFUSED',
    'the store does not let these credentials read (AccessDenied, 401)',
  ],
  [
    new ClientError(403),
    'SOURCE_REFUSED',
    'the store does not let these credentials read (AccessDenied, 403)',
  ],
  [new ClientError(404), 'SOURCE_REFUSED', 'the store does not have it (AccessDenied, 404)'],
  [new ClientError(500), 'SOURCE_UNREACHABLE', 'the store cannot be read (AccessDenied, 500)'],
  [new ClientError(), 'SOURCE_UNREACHABLE', 'the store cannot be read (AccessDenied)'],
  [new RangeError('a header'), 'SOURCE_REFUSED', 'set the region'],
] satisfies [Error, string, string][]) {
  test(`a listing that fails is told as: ${text}`, async () => {
    const store = new PuppetStore();
    store.failure = failure;
    await assert.rejects(new ObjectStoreOrigin(store, 'a').list(signal), { reason, message: text });
  });
}

for (const [status, reason] of [
  [412, 'SOURCE_CHANGED'],
  [404, 'SOURCE_CHANGED'],
  [503, 'SOURCE_UNREACHABLE'],
] satisfies [number, string][]) {
  test(`an object that is answered with ${status} is ${reason}`, async () => {
    const failing = object('a', { open: () => Promise.reject(new ClientError(status)) });
    const { files } = await new ObjectStoreOrigin(new PuppetStore(failing), '').list(signal);
    await assert.rejects(async () => files[0]?.open(opening), { reason });
  });
}

test('whoever gives up hears of nothing else', async () => {
  const store = new PuppetStore();
  store.failure = new ClientError(500);
  const given = AbortSignal.abort(new Error('given up'));
  await assert.rejects(new ObjectStoreOrigin(store, 'a').list(given), /^Error: given up$/);
});

test('a store ends with its origin', () => {
  const store = new PuppetStore();
  new ObjectStoreOrigin(store, '')[Symbol.dispose]();
  assert.equal(store.ended, true);
});
