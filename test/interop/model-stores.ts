import assert from 'node:assert/strict';
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
