import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'node:test';
import { run } from '../../src/cli/run.ts';
import { createClient } from '../../src/client/client.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { FileServer } from '../support/file-server.ts';
import { FakeTerminal } from '../support/fake-terminal.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { makeSigner, signModel } from '../support/sign-model.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const timeout = 240_000;
const model = readFileSync(fixtureModel('identity_fp32'));

function start(uri: string, cache: string): Promise<RunningServer> {
  const often = ['--source-poll-secs', '1', '--repository-poll-secs', '1', '--model-control-mode', 'poll'];
  return startServer({ repository: uri, args: ['--source-cache', cache, ...often] });
}

async function versions(server: RunningServer): Promise<string[]> {
  using client = createClient({ address: server.grpcAddress });
  return (await client.index()).filter(({ state }) => state === 'READY').map(({ version }) => version);
}

/** Looks again until the state is there; the test's own limit ends it. */
async function until(isThere: () => Promise<boolean>): Promise<void> {
  while (!(await isThere())) await wait(50);
}

async function metric(server: RunningServer, name: string): Promise<number> {
  const text = await (await fetch(`http://${server.metricsAddress}/metrics`)).text();
  return Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)`, 'm').exec(text)?.[1]);
}

test(
  'models of a web server are served, followed, and served on when it is hostile or gone',
  { timeout },
  async () => {
    await using files = await FileServer.start();
    using cache = new TemporaryFolder();
    const uri = `${files.url}/models`;
    files.publish('/models', { 'echo/1/model.onnx': model });
    {
      await using server = await start(uri, cache.path);
      assert.deepEqual(await versions(server), ['1']);
      files.publish('/models', { 'echo/2/model.onnx': model });
      await until(async () => (await versions(server)).join() === '2');
      files.publish('/models', { 'echo/3/model.onnx': model }, [
        { path: '../x', sha256: '0'.repeat(64), size: 1 },
      ]);
      await until(async () => (await metric(server, 'tensorgate_source_failures_total')) > 0);
      assert.deepEqual(await versions(server), ['2']);
      assert.equal(await metric(server, 'tensorgate_source_up'), 0);
      await server.printed(/what serves stays/);
    }
    files.files.clear();
    await using again = await start(uri, cache.path);
    assert.deepEqual(await versions(again), ['2']);
  },
);

test(
  'a source that cannot be read and was never fetched ends the start with its reason',
  { timeout },
  async () => {
    await using files = await FileServer.start();
    using cache = new TemporaryFolder();
    await assert.rejects(
      start(`${files.url}/nothing`, cache.path),
      /does not have index\.json, the index \(404\)/,
    );
  },
);

test(
  'with --require-signed-models what is not signed is not served, and the version that serves stays',
  { timeout },
  async () => {
    using repository = new RepositoryFolder();
    using keys = new TemporaryFolder();
    const signer = makeSigner();
    const key = keys.write('key.pem', signer.publicPem);
    for (const name of ['signed', 'unsigned']) repository.put(`${name}/1/model.onnx`, model);
    signModel(join(repository.path, 'signed'), signer);
    const poll = ['--model-control-mode', 'poll', '--repository-poll-secs', '1'];
    await using server = await startServer({
      repository: repository.path,
      args: ['--require-signed-models', '--model-signing-key', key, ...poll],
    });
    using client = createClient({ address: server.grpcAddress });
    const states = async (): Promise<string[]> =>
      (await client.index()).map(({ name, version, state, reason }) =>
        [name, version, state, reason].join(' ').trim(),
      );
    assert.deepEqual(await states(), [
      'signed 1 READY',
      'unsigned  UNAVAILABLE it is not signed: there is no model.sig',
    ]);
    repository.put('signed/2/model.onnx', model);
    await until(async () => (await states())[0] === "signed 1 READY '2/model.onnx' is not signed");
    signModel(join(repository.path, 'signed'), signer);
    await until(async () => (await versions(server)).join() === '2');
  },
);

test('tensorgate pull leaves a model of a hub in a folder', { timeout }, async () => {
  await using hub = await FileServer.start();
  using folder = new TemporaryFolder();
  const sha = '0'.repeat(40);
  const entry = { type: 'file', path: 'onnx/model.onnx', size: model.length, oid: sha };
  const lfs = { oid: createHash('sha256').update(model).digest('hex'), size: model.length };
  hub.files.set('/api/models/org/echo/revision/main', Buffer.from(JSON.stringify({ sha })));
  hub.files.set(
    `/api/models/org/echo/tree/${sha}?recursive=true`,
    Buffer.from(JSON.stringify([{ ...entry, lfs }])),
  );
  hub.files.set(`/org/echo/resolve/${sha}/onnx/model.onnx`, model);
  process.env['HF_ENDPOINT'] = hub.url;
  try {
    const terminal = new FakeTerminal();
    assert.equal(await run(['pull', 'hf://org/echo', folder.path], terminal), 0);
    assert.equal(terminal.out, 'echo\n');
    assert.deepEqual(readFileSync(join(folder.path, 'echo/1/model.onnx')), model);
  } finally {
    delete process.env['HF_ENDPOINT'];
  }
});
