import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { createClient, type Client } from '../../src/client/client.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';

/** A run of so many rounds takes some 10 us each: the long one is still running when the short one has come. */
const longRounds = 50_000n;

const shared = 'rate_limiter { resources { name: "lock" count: 1 } }';
const models: Readonly<Record<string, string>> = {
  one: 'instance_group { count: 1 }',
  two: 'instance_group { count: 2 }',
  ordered: 'instance_group { count: 2 } dynamic_batching { preserve_ordering: true }',
  locked: `instance_group { count: 2 ${shared} }`,
  other: `instance_group { ${shared} }`,
  apart: 'instance_group { rate_limiter { resources { name: "key" count: 1 } } }',
  greedy: 'instance_group { rate_limiter { resources { name: "lock" count: 2 } } }',
};

interface Setup extends AsyncDisposable {
  readonly server: RunningServer;
  readonly client: Client;
}

async function start(folder: RepositoryFolder, ...args: readonly string[]): Promise<Setup> {
  const loaded = Object.keys(models).filter((name) => name !== 'greedy');
  const server = await startServer({
    repository: folder.path,
    args: [
      '--placement',
      'thread',
      '--model-control-mode',
      'explicit',
      ...args,
      ...loaded.flatMap((name) => ['--load-model', name]),
    ],
  });
  const client = createClient({ address: server.grpcAddress });
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Sends a long run, then a short one, and tells in which order they were answered. */
async function orderOf({ client }: Setup, long: string, short: string): Promise<readonly string[]> {
  const answered: string[] = [];
  const run = async (model: string, rounds: bigint, name: string): Promise<void> => {
    await client.infer({ model, inputs: [{ name: 'rounds', shape: [], data: BigInt64Array.of(rounds) }] });
    answered.push(name);
  };
  await Promise.all([run(long, longRounds, 'long'), run(short, 1n, 'short')]);
  return answered;
}

describe('instances of models', { timeout: 240_000 }, () => {
  const folder = new RepositoryFolder();
  const busy = readFileSync(fixtureModel('busy'));
  for (const [name, config] of Object.entries(models)) {
    folder.put(`${name}/1/model.onnx`, busy);
    folder.put(
      `${name}/config.pbtxt`,
      `parameters { key: "intra_op_thread_count" value { string_value: "1" } } ${config}`,
    );
  }
  let free: Setup;
  let limited: Setup;
  before(async () => {
    free = await start(folder);
    limited = await start(
      folder,
      '--rate-limit',
      'execution_count',
      '--rate-limit-resource',
      'lock:1',
      '--rate-limit-resource',
      'key:1:0',
    );
  });
  after(async () => {
    await free[Symbol.asyncDispose]();
    await limited[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  test('one instance runs one request after the other', async () => {
    assert.deepEqual(await orderOf(free, 'one', 'one'), ['long', 'short']);
  });

  test('two instances run two requests at once', async () => {
    assert.deepEqual(await orderOf(free, 'two', 'two'), ['short', 'long']);
  });

  test('two instances that preserve order answer in order', async () => {
    assert.deepEqual(await orderOf(free, 'ordered', 'ordered'), ['long', 'short']);
  });

  test('resources mean nothing while the rate limiter is off', async () => {
    assert.deepEqual(await orderOf(free, 'locked', 'locked'), ['short', 'long']);
    assert.deepEqual(await orderOf(free, 'locked', 'other'), ['short', 'long']);
  });

  test('two instances that need the same resource run one after the other', async () => {
    assert.deepEqual(await orderOf(limited, 'locked', 'locked'), ['long', 'short']);
  });

  test('two models that need the same resource run one after the other', async () => {
    assert.deepEqual(await orderOf(limited, 'locked', 'other'), ['long', 'short']);
  });

  test('models that need different resources, or none, run at once', async () => {
    assert.deepEqual(await orderOf(limited, 'locked', 'apart'), ['short', 'long']);
    assert.deepEqual(await orderOf(limited, 'locked', 'one'), ['short', 'long']);
  });

  test('a model that needs more than there is does not load', async () => {
    await assert.rejects(limited.client.load('greedy'), {
      code: 'invalid_argument',
      message:
        /Resource count for "lock" is limited to 1 which will prevent scheduling of one or more model instances, the minimum required count is 2/,
    });
    await free.client.load('greedy');
  });

  test('the configuration of a limited model reaches clients', async () => {
    const config = await limited.client.config('other');
    const [group] = Array.isArray(config['instance_group']) ? config['instance_group'] : [];
    assert.deepEqual(group.rate_limiter, {
      resources: [{ name: 'lock', global: false, count: 1 }],
      priority: 0,
    });
  });
});
