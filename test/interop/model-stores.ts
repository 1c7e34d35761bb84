import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import { Storage } from '@google-cloud/storage';
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { silentLogger } from '../../src/inference/logger.ts';
import { openOrigin } from '../../src/sources/open-origin.ts';
import { pullModels } from '../../src/sources/pull-models.ts';
import { parseSourceUri } from '../../src/sources/source-uri.ts';
import { systemClock } from '../../src/util/clock.ts';
import { ForeignServer } from '../support/foreign-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { findSourceTool } from '../support/tools.ts';

const timeout = 120_000;
const tools = { redirectHosts: [], tries: undefined, tokenFile: undefined, clock: systemClock };
const weights = Buffer.alloc(3_000_000, 'weights');

/** What a store is asked to hold, and to change. */
interface Store {
  readonly uri: string;
  put(key: string, content: Buffer): Promise<unknown>;
  remove(key: string): Promise<unknown>;
}

/** The same clauses hold for every kind of store. */
async function check(store: Store): Promise<void> {
  using folder = new TemporaryFolder();
  const pull = (uri = store.uri) =>
    pullModels({ ...tools, uri, folder: folder.path, limitBytes: 2 ** 30, logger: silentLogger });
  await store.put('prod/echo/1/model.onnx', Buffer.from('one'));
  await store.put('prod/echo/1/weights.bin', weights);
  await store.put('prod/.hidden', Buffer.from('x'));
  await store.put('production/not-below', Buffer.from('x'));
  assert.deepEqual(await pull(), ['echo']);
  assert.deepEqual(readFileSync(join(folder.path, 'echo/1/weights.bin')), weights);

  using origin = await openOrigin(parseSourceUri(store.uri).place, tools);
  const { signal } = new AbortController();
  const { files } = await origin.list(signal, '');
  const file = files.find(({ path }) => path.endsWith('weights.bin'));
  assert.ok(file);
  assert.equal(file.sizeBytes, weights.length);
  const rest = await file.open({ offset: weights.length - 7, signal });
  assert.deepEqual(Buffer.concat((await rest.toArray()) as Buffer[]), weights.subarray(-7));
  await store.put('prod/echo/1/weights.bin', Buffer.alloc(3_000_000, 'others!'));
  await assert.rejects(file.open({ offset: 0, signal }), { reason: 'SOURCE_CHANGED' });
  await store.remove('prod/echo/1/model.onnx');
  const after = await origin.list(signal, '');
  assert.deepEqual(
    after.files.map(({ path }) => path).filter((path) => !path.startsWith('.')),
    ['echo/1/weights.bin'],
  );
  assert.notEqual(after.files.find(({ path }) => path.endsWith('weights.bin'))?.tag, file.tag);

  await assert.rejects(pull(`${store.uri}-nothing`), { reason: 'SOURCE_REFUSED' });
}

const moto = findSourceTool('moto');
test('models come out of S3, as moto speaks it', { skip: moto.skip, timeout }, async () => {
  await using server = await ForeignServer.start(moto.path, (port) => [
    '-H',
    '127.0.0.1',
    '-p',
    String(port),
  ]);
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' });
  using client = Object.assign(
    new S3Client({ endpoint: server.url, forcePathStyle: true, region: 'us-east-1' }),
    {
      [Symbol.dispose]() {
        client.destroy();
      },
    },
  );
  await client.send(new CreateBucketCommand({ Bucket: 'box' }));
  await check({
    uri: `s3://127.0.0.1:${server.port}/box/prod`,
    put: (Key, Body) => client.send(new PutObjectCommand({ Bucket: 'box', Key, Body })),
    remove: (Key) => client.send(new DeleteObjectCommand({ Bucket: 'box', Key })),
  });
});

const gcs = findSourceTool('fake-gcs-server');
test(
  'models come out of Google Cloud Storage, as fake-gcs-server speaks it',
  { skip: gcs.skip, timeout },
  async () => {
    await using server = await ForeignServer.start(gcs.path, (port) =>
      `-scheme http -host 127.0.0.1 -port ${port} -backend memory -public-host 127.0.0.1:${port} -external-url http://127.0.0.1:${port}`.split(
        ' ',
      ),
    );
    const storage = new Storage({ apiEndpoint: server.url, projectId: 'none' });
    const [bucket] = await storage.createBucket('box');
    process.env['STORAGE_EMULATOR_HOST'] = server.url;
    await check({
      uri: 'gs://box/prod',
      put: (key, content) => bucket.file(key).save(content, { resumable: false }),
      remove: (key) => bucket.file(key).delete(),
    });
  },
);

const azurite = findSourceTool('azurite');
test('models come out of Azure, as azurite speaks it', { skip: azurite.skip, timeout }, async () => {
  using data = new TemporaryFolder();
  await using server = await ForeignServer.start(
    azurite.path,
    (port) => ['--blobHost', '127.0.0.1', '--blobPort', String(port), '--silent', '--skipApiVersionCheck'],
    { cwd: data.path, env: { AZURITE_ACCOUNTS: 'someone:a2V5a2V5' } },
  );
  const connection = `DefaultEndpointsProtocol=http;AccountName=someone;AccountKey=a2V5a2V5;BlobEndpoint=${server.url}/someone;`;
  process.env['AZURE_STORAGE_CONNECTION_STRING'] = connection;
  const container = BlobServiceClient.fromConnectionString(connection).getContainerClient('box');
  await container.create();
  await check({
    uri: 'as://someone/box/prod',
    put: (key, content) => container.getBlockBlobClient(key).upload(content, content.length),
    remove: (key) => container.deleteBlob(key),
  });
});

const registry = findSourceTool('docker-registry');

/** As a client of the distribution API does it. */
async function push(url: string, tag: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
  const upload = async (content: Buffer): Promise<{ digest: string; size: number }> => {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    const begun = await fetch(`${url}/v2/org/echo/blobs/uploads/`, { method: 'POST' });
    const place = new URL(begun.headers.get('location') ?? '', url);
    place.searchParams.set('digest', digest);
    const done = await fetch(place, { method: 'PUT', body: new Uint8Array(content) });
    assert.equal(done.status, 201);
    return { digest, size: content.length };
  };
  const layers: object[] = [];
  for (const [path, content] of Object.entries(files)) {
    const annotations = { 'org.cncf.model.filepath': path };
    layers.push({
      mediaType: 'application/vnd.cncf.model.weight.v1.raw',
      ...(await upload(content)),
      annotations,
    });
  }
  const config = {
    mediaType: 'application/vnd.cncf.model.config.v1+json',
    ...(await upload(Buffer.from('{}'))),
  };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const artifactType = 'application/vnd.cncf.model.manifest.v1+json';
  const reply = await fetch(`${url}/v2/org/echo/manifests/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': mediaType },
    body: JSON.stringify({ schemaVersion: 2, mediaType, artifactType, config, layers }),
  });
  assert.equal(reply.status, 201, await reply.text());
}

test('models come out of a registry of containers', { skip: registry.skip, timeout }, async () => {
  using data = new TemporaryFolder();
  using folder = new TemporaryFolder();
  const config = data.write(
    'config.yml',
    `version: 0.1\nstorage: { filesystem: { rootdirectory: ${data.path}/r } }\nhttp: { addr: 127.0.0.1:0 }\n`,
  );
  await using server = await ForeignServer.start(registry.path, (port) => {
    const text = readFileSync(config, 'utf8').replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`);
    return ['serve', data.write('config.yml', text)];
  });
  const pull = (uri: string) =>
    pullModels({ ...tools, uri, folder: folder.path, limitBytes: 2 ** 30, logger: silentLogger });
  const uri = `oci://127.0.0.1:${server.port}/org/echo`;
  await push(server.url, 'v1', { '1/model.onnx': Buffer.from('one'), '1/weights.bin': weights });
  assert.deepEqual(await pull(`${uri}:v1`), ['echo']);
  assert.deepEqual(readFileSync(join(folder.path, 'echo/1/weights.bin')), weights);
  await push(server.url, 'v1', { 'model.onnx': Buffer.from('two') });
  await pull(`${uri}:v1`);
  assert.equal(readFileSync(join(folder.path, 'echo/model.onnx'), 'utf8'), 'two');
  await assert.rejects(pull(`${uri}:v2`), { reason: 'SOURCE_REFUSED' });
  await assert.rejects(pull(`${uri}-not`), { reason: 'SOURCE_REFUSED' });
});
