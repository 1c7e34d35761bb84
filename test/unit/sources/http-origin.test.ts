import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpOrigin } from '../../../src/sources/http-origin.ts';
import type { OriginListing, RemoteFile } from '../../../src/sources/origin.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { FileServer } from '../../support/file-server.ts';

const { signal } = new AbortController();

function origin(url: string): HttpOrigin {
  return new HttpOrigin({
    url,
    rules: { redirectHosts: [] },
    authorization: () => undefined,
    clock: systemClock,
  });
}

async function contentOf(file: RemoteFile | undefined, offset = 0): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await file!.open({ offset, signal })) as AsyncIterable<Buffer>)
    chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('lists what the index names, with digests, and opens it beside the index', async () => {
  await using server = await FileServer.start();
  server.publish('/repo', { 'm/1/model.onnx': Buffer.from('bytes'), 'm/1/a b+c': Buffer.from('odd') });
  using source = origin(`${server.url}/repo/`);
  const { files } = await source.list(signal);
  assert.deepEqual(
    files.map(({ path, sizeBytes }) => [path, sizeBytes]),
    [
      ['m/1/model.onnx', 5],
      ['m/1/a b+c', 3],
    ],
  );
  assert.equal(await contentOf(files[0]), 'bytes');
  assert.equal(await contentOf(files[0], 2), 'tes');
  assert.equal(await contentOf(files[1]), 'odd');
});

test('an index that has not changed is not sent again', async () => {
  await using server = await FileServer.start();
  server.publish('/repo', { 'm/1/model.onnx': Buffer.from('bytes') });
  using source = origin(`${server.url}/repo/index.json`);
  const first: OriginListing = await source.list(signal);
  assert.equal(await source.list(signal), first);
  assert.ok(server.asked[1]?.headers['if-none-match']);
});

for (const [title, content] of [
  ['no JSON', 'x'],
  ['no list of files', '{}'],
  ['no digest', '{"files":[{"path":"a"}]}'],
  ['a negative size', `{"files":[{"path":"a","sha256":"${'0'.repeat(64)}","size":-1}]}`],
  ['a path that leads up', `{"files":[{"path":"../../admin/secrets","sha256":"${'0'.repeat(64)}"}]}`],
] as const) {
  test(`refuses an index with ${title}`, async () => {
    await using server = await FileServer.start();
    server.files.set('/index.json', Buffer.from(content));
    using source = origin(server.url);
    await assert.rejects(source.list(signal), { reason: 'SOURCE_REFUSED' });
  });
}

for (const [status, reason] of [
  [401, 'SOURCE_REFUSED'],
  [403, 'SOURCE_REFUSED'],
  [404, 'SOURCE_REFUSED'],
  [500, 'SOURCE_UNREACHABLE'],
  [503, 'SOURCE_UNREACHABLE'],
] as const) {
  test(`an index that is answered with ${status} is ${reason}`, async () => {
    await using server = await FileServer.start();
    server.files.set('/index.json', (_request, response) => void response.writeHead(status).end());
    using source = origin(server.url);
    await assert.rejects(source.list(signal), { reason });
  });
}

test('a single file is known by its ETag, and refused when it changes meanwhile', async () => {
  await using server = await FileServer.start();
  server.files.set('/x/iris.onnx', Buffer.from('old'));
  using source = origin(`${server.url}/x/iris.onnx`);
  const [file] = (await source.list(signal)).files;
  assert.deepEqual([file?.path, file?.sizeBytes], ['iris.onnx', 3]);
  assert.equal(await contentOf(file), 'old');
  server.files.set('/x/iris.onnx', Buffer.from('new'));
  await assert.rejects(contentOf(file), { reason: 'SOURCE_CHANGED' });
});

test('a single file without anything to know it by is refused', async () => {
  await using server = await FileServer.start();
  server.files.set(
    '/iris.onnx',
    (_request, response) => void response.writeHead(200, { 'content-length': 1 }).end('x'),
  );
  using source = origin(`${server.url}/iris.onnx`);
  await assert.rejects(source.list(signal), { reason: 'SOURCE_REFUSED' });
});
