import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer } from '../support/start-server.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
const x = { name: 'x', shape: [1, 16], data: new Float32Array(16).fill(0.5) };

describe('more models than there is room for', { timeout: 240_000 }, () => {
  const repository = new RepositoryFolder();
  before(() => {
    for (const name of names) repository.put(`${name}/1/model.onnx`, readFileSync(fixtureModel('mlp16')));
  });
  after(() => repository[Symbol.dispose]());

  test('a load over the memory budget is RESOURCE_EXHAUSTED over gRPC and 507 over HTTP', async () => {
    await using server = await startServer({
      repository: repository.path,
      args: ['--model-control-mode', 'explicit', '--model-memory-budget', '18000000'],
    });
    using client = createClient({ address: server.grpcAddress });
    await client.load('a');
    await client.load('b');
    await assert.rejects(client.load('c'), { code: 'resource_exhausted', message: /bytes of memory/ });
    const url = `http://${server.httpAddress}/v2/repository/models/c/load`;
    const reply = await fetch(url, { method: 'POST' });
    assert.deepEqual([reply.status, reply.headers.get('tensorgate-reason')], [507, 'MODEL_MEMORY']);
    const { error }: { error?: string } = JSON.parse(await reply.text());
    assert.match(error ?? '', /about \d+ bytes of memory/);
    await client.infer({ model: 'a', inputs: [x] });
    await client.unload('a');
    await client.load('c');
  });

  test('requests load what they need, the others make room, and nobody notices but by the time it takes', async () => {
    await using server = await startServer({
      repository: repository.path,
      args: ['--model-control-mode', 'on-demand', '--max-loaded-models', '2'],
    });
    using client = createClient({ address: server.grpcAddress });
    assert.equal(await client.ready(), true);
    const callers = names.map(async (_, caller) => {
      for (let round = 0; round < 4; round++) {
        const model = names[(caller + round) % names.length] ?? 'a';
        const answer = await client.infer({ model, inputs: [x] });
        assert.equal(answer.outputs[0]?.shape[0], 1);
      }
    });
    await Promise.all(callers);
    const ready = (await client.index()).filter(({ state }) => state === 'READY');
    assert.equal(ready.length, 2);
    for (const model of names) {
      assert.deepEqual((await client.metadata(model)).versions, ['1']);
      const metadata = await fetch(`http://${server.httpAddress}/v2/models/${model}`);
      assert.equal(metadata.status, 200);
      const body = JSON.stringify({ instances: [Array.from({ length: 16 }, () => 0.5)] });
      const url = `http://${server.httpAddress}/v1/models/${model}:predict`;
      assert.equal((await fetch(url, { method: 'POST', body })).status, 200);
    }
    await assert.rejects(client.infer({ model: 'unheard', inputs: [x] }), { code: 'not_found' });
  });

  test('a model with a rollout is loaded for its users, and is not idle while they ask', async () => {
    using tried = new RepositoryFolder();
    for (const path of ['tried/1', 'tried/2', 'a/1', 'b/1']) {
      tried.put(`models/${path}/model.onnx`, readFileSync(fixtureModel('mlp16')));
    }
    tried.put('models/tried/config.pbtxt', 'version_policy { all { } }');
    tried.put('rollouts.yaml', 'rollouts: [{ model: tried, stable: 1, candidate: 2 }]');
    const place = (name: string): string => join(tried.path, name);
    await using server = await startServer({
      repository: place('models'),
      args: [
        '--model-control-mode',
        'on-demand',
        '--max-loaded-models=2',
        `--rollouts=${place('rollouts.yaml')}`,
        `--rollout-state=${place('state.json')}`,
      ],
    });
    using client = createClient({ address: server.grpcAddress });
    for (const model of ['tried', 'a', 'tried', 'b']) {
      const { parameters } = await client.infer({ model, inputs: [x] });
      const experiment = model === 'tried' ? 'tried-1-to-2' : undefined;
      assert.equal(parameters['tensorgate_experiment'], experiment);
    }
    const ready = (await client.index()).filter(({ state }) => state === 'READY');
    assert.deepEqual(new Set(ready.map(({ name }) => name)), new Set(['b', 'tried']));
  });
});
