import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient, type Client } from '../../src/client/client.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer } from '../support/start-server.ts';
import { faults } from './support/faulty-session.ts';

const preload = join(import.meta.dirname, 'support', 'faulty-sessions.ts');
const versions = 'version_policy { all { } } max_batch_size: 4';
const fallback = 'parameters { key: "breaker_fallback" value { string_value: "version" } }';

/** @returns the version that answered, or the code of the failure. */
async function ask(client: Client, model: string, value: number, version = ''): Promise<string> {
  const inputs = [{ name: 'x', shape: [1, 1], data: BigInt64Array.of(BigInt(value)) }];
  return client.infer({ model, version, inputs }).then(
    (answer) => answer.version,
    (error: { readonly code: string }) => error.code,
  );
}

/** So many failures that the version goes out of service; for good, since it fails whenever it is tried again. */
async function failAll(client: Client, model: string, version: string): Promise<void> {
  await Promise.all(Array.from({ length: 60 }, () => ask(client, model, faults.breaks, version)));
}

for (const threads of ['1', '2']) {
  test(`a version out of service is stood in for by the next newest where the model allows it (${threads} I/O threads)`, async () => {
    using folder = new RepositoryFolder();
    for (const [model, config] of [
      ['stands-in', `${versions} ${fallback}`],
      ['alone', versions],
    ] as const) {
      folder.put(`${model}/config.pbtxt`, config);
      for (const version of ['2', '9', '10']) {
        folder.put(`${model}/${version}/model.onnx`, readFileSync(fixtureModel('hold')));
      }
    }
    await using server = await startServer({
      repository: folder.path,
      args: ['--placement', 'thread', '--io-threads', threads],
      env: { NODE_OPTIONS: `--import=${preload}` },
    });
    using client = createClient({ address: server.grpcAddress });
    for (const model of ['stands-in', 'alone']) {
      assert.equal(await ask(client, model, 1), '10');
      await failAll(client, model, '10');
      assert.equal(await ask(client, model, 1, '10'), 'unavailable');
    }
    assert.equal(await ask(client, 'alone', 1), 'unavailable');
    assert.equal(await ask(client, 'stands-in', 1), '9');
    await failAll(client, 'stands-in', '9');
    assert.equal(await ask(client, 'stands-in', 1), '2');
    assert.equal(await ask(client, 'stands-in', -5), 'invalid_argument');
    await failAll(client, 'stands-in', '2');
    assert.equal(await ask(client, 'stands-in', 1), 'unavailable');
  });
}
