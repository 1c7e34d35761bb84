import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, symlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const iris = readFileSync(
  join(import.meta.dirname, '..', '..', 'examples', 'processing', 'describe_iris', '1', 'model.onnx'),
);
const tooFewCores = availableParallelism() < 2 ? 'needs two cores' : false;
const hash = 'c8b1d7a0e7a24f0c9c1e5f3a2b4d6e8f';

/** As SageMaker lays models out, one in each of the forms that its users pack. */
function placed(): RepositoryFolder {
  const folder = new RepositoryFolder();
  folder.put(`${hash}/model/model.onnx`, iris);
  folder.put('triton/model/iris/1/model.onnx', iris);
  folder.put('triton/model/iris/config.pbtxt', 'name: "iris" max_batch_size: 4');
  folder.put('own/model/1/model.onnx', iris);
  folder.put('own/model/config.pbtxt', 'name: "another"');
  folder.put('broken/model/model.onnx', 'no model');
  folder.put('several/model/a/1/model.onnx', iris);
  folder.put('several/model/b/1/model.onnx', iris);
  mkdirSync(join(folder.path, 'empty', 'model'), { recursive: true });
  mkdirSync(join(folder.path, 'huge', 'model'), { recursive: true });
  const huge = openSync(join(folder.path, 'huge', 'model', 'model.onnx'), 'w');
  // All hole: no disk has it, and no machine the memory.
  ftruncateSync(huge, 2 ** 43);
  closeSync(huge);
  return folder;
}

for (const threads of [1, 2]) {
  const skip = threads > 1 ? tooFewCores : false;
  test(
    `SageMaker loads, lists, calls and unloads models, with ${threads} I/O thread(s)`,
    { skip },
    async (t) => {
      using folder = placed();
      using outside = new TemporaryFolder();
      outside.write('model.onnx', iris);
      symlinkSync(outside.path, join(folder.path, 'link'));
      await using server = await start(folder, threads);
      const { ask, load } = clientOf(server, folder.path);

      await t.test('well before any model is there', async () => {
        assert.equal((await ask('GET', '/ping')).status, 200);
        assert.deepEqual((await ask('GET', '/models')).json, { models: [] });
        assert.equal((await ask('GET', `/models/${hash}`)).status, 404);
        assert.equal(
          (await ask('POST', `/models/${hash}/invoke`, { instances: [[1, 2, 3, 4]] })).status,
          404,
        );
      });

      for (const name of [hash, 'triton', 'own']) {
        await t.test(`a model packed as ${name}`, async () => {
          const modelUrl = join(folder.path, name, 'model');
          assert.equal((await load(name)).status, 200);
          assert.equal((await load(name)).status, 409);
          assert.deepEqual((await ask('GET', `/models/${name}`)).json, { modelName: name, modelUrl });
          const listed = (await ask('GET', '/models')).json as { models: object[] };
          assert.deepEqual(listed.models, [{ modelName: name, modelUrl }]);
          const attributes = { 'x-amzn-sagemaker-custom-attributes': 'trace=1' };
          const target = { ...attributes, 'x-amzn-sagemaker-target-model': 'team/iris.tar.gz' };
          const body = { instances: [[6.2, 3.4, 5.4, 2.3]] };
          const answer = await ask('POST', `/models/${name}/invoke`, body, target);
          assert.equal(answer.status, 200);
          assert.equal(answer.attributes, 'trace=1');
          assert.ok('predictions' in (answer.json as object));
          assert.equal((await ask('DELETE', `/models/${name}`)).status, 200);
          assert.equal((await ask('DELETE', `/models/${name}`)).status, 404);
          assert.deepEqual((await ask('GET', '/models')).json, { models: [] });
        });
      }

      await t.test('a model that there is no memory for is 507, so that others are unloaded', async () => {
        assert.equal((await load('huge')).status, 507);
      });

      for (const [name, status] of [
        ['broken', 400],
        ['empty', 400],
        ['several', 400],
        ['absent', 404],
      ] as const) {
        await t.test(`${name} is ${status}`, async () => {
          assert.equal((await load(name)).status, status);
        });
      }

      for (const url of ['/etc', '/proc/self/root', '..', join(folder.path, 'link'), outside.path]) {
        await t.test(`${url} is none of the platform’s places`, async () => {
          const { status } = await ask('POST', '/models', { model_name: 'm', url });
          assert.ok(status === 400 || status === 404);
        });
      }

      for (const body of [
        {},
        { model_name: 'm' },
        { model_name: '', url: '/x' },
        { model_name: '../m', url: '/x' },
        [],
      ]) {
        await t.test(`${JSON.stringify(body)} loads nothing`, async () => {
          const { status } = await ask('POST', '/models', body);
          assert.ok(status === 400 || status === 404);
        });
      }
    },
  );
}

function start(folder: RepositoryFolder, threads: number): Promise<RunningServer> {
  const multiModel = ['--sagemaker-models', folder.path, '--model-control-mode', 'explicit'];
  const dialects = ['--dialects', 'sagemaker'];
  return startServer({ repository: [], args: [...multiModel, ...dialects, '--io-threads', `${threads}`] });
}

function clientOf({ httpAddress }: RunningServer, folder: string) {
  const ask = async (method: string, path: string, body?: object, headers: Record<string, string> = {}) => {
    const type = { 'content-type': 'application/json', ...headers };
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body), headers: type };
    const reply = await fetch(`http://${httpAddress}${path}`, {
      ...init,
      signal: AbortSignal.timeout(60_000),
    });
    const text = await reply.text();
    const json: unknown = text === '' ? undefined : JSON.parse(text);
    const attributes = reply.headers.get('x-amzn-sagemaker-custom-attributes');
    return { status: reply.status, attributes, json };
  };
  const load = (name: string) =>
    ask('POST', '/models', { model_name: name, url: join(folder, name, 'model') });
  return { ask, load };
}
