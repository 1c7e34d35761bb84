import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createClient, type Client } from '../../src/client/client.ts';
import type { InferAnswer } from '../../src/client/types.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { freePort } from '../support/free-port.ts';
import { HeldModels } from '../support/held-model.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer, type RunningServer, type ServerOptions } from '../support/start-server.ts';
import { watchHealth } from '../support/watch-health.ts';

const timeout = 240_000;

function fixture(name: string): Buffer {
  return readFileSync(fixtureModel(name));
}

const identity = fixture('identity_fp32');
/** The sum of its inputs a and b, and their difference. */
const pair = fixture('pair');

/** A server over a repository of its own, and a client of it. */
class Bench implements AsyncDisposable {
  readonly folder: RepositoryFolder;
  readonly server: RunningServer;
  readonly client: Client;

  private constructor(folder: RepositoryFolder, server: RunningServer) {
    this.folder = folder;
    this.server = server;
    this.client = createClient({ address: server.grpcAddress });
  }

  static async start(
    fill: (folder: RepositoryFolder) => Omit<ServerOptions, 'repository'> & Partial<ServerOptions>,
  ): Promise<Bench> {
    const folder = new RepositoryFolder();
    try {
      const options = fill(folder);
      return new Bench(folder, await startServer({ repository: folder.path, ...options }));
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  }

  /** `version state` of a model, with the reason where there is one. */
  async states(model: string): Promise<readonly string[]> {
    const entries = (await this.client.index()).filter(({ name }) => name === model);
    return entries.map(({ version, state, reason }) =>
      [version, state, reason].filter((part) => part !== '').join(' '),
    );
  }

  /** Infers two floats; the model's input is `x`. */
  infer(model: string, version = ''): Promise<InferAnswer> {
    return this.client.infer({
      model,
      ...(version === '' ? {} : { version }),
      inputs: [{ name: 'x', shape: [1, 2], data: Float32Array.of(1, 2) }],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    try {
      await this.server[Symbol.asyncDispose]();
    } finally {
      this.folder[Symbol.dispose]();
    }
  }
}

function floats(answer: InferAnswer, name = 'y'): number[] {
  const data = answer.outputs.find((output) => output.name === name)?.data;
  assert.ok(data instanceof Float32Array, `there is no output ${name} of floats`);
  return [...data];
}

const pairInputs = [
  { name: 'a', shape: [1, 2], data: Float32Array.of(5, 7) },
  { name: 'b', shape: [1, 2], data: Float32Array.of(1, 2) },
];

describe('model control mode explicit', { timeout }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start((folder) => {
      for (const name of ['started', 'asked', 'busy-reload', 'broken']) {
        folder.put(`${name}/1/model.onnx`, identity);
      }
      folder.put(
        'external/1/model.onnx',
        readFileSync(join(import.meta.dirname, '../fixtures/models/external/model.onnx')),
      );
      folder.put(
        'external/1/weights.bin',
        readFileSync(join(import.meta.dirname, '../fixtures/models/external/weights.bin')),
      );
      return { args: ['--model-control-mode', 'explicit', '--load-model', 'started'] };
    });
  });
  after(() => bench[Symbol.asyncDispose]());

  test('only the named models load at start; the others are in the index without a state', async () => {
    assert.deepEqual(await bench.states('started'), ['1 READY']);
    assert.deepEqual(await bench.states('asked'), ['']);
    assert.equal(await bench.client.ready(), true);
    assert.deepEqual(
      (await bench.client.index('ready')).map(({ name }) => name),
      ['started'],
    );
  });

  test('a model is loaded, serves, is unloaded, and watchers of its health see it', async () => {
    using watch = watchHealth(bench.server.grpcAddress, 'asked');
    await watch.until('NOT_SERVING');
    await bench.client.load('asked');
    await watch.until('SERVING');
    assert.equal(await bench.client.modelReady('asked'), true);
    assert.deepEqual(floats(await bench.infer('asked')), [1, 2]);
    await bench.client.unload('asked');
    await watch.until('NOT_SERVING');
    assert.deepEqual(await bench.states('asked'), ['1 UNAVAILABLE unloaded']);
    await assert.rejects(bench.infer('asked'), {
      code: 'not_found',
      message: "Request for unknown model: 'asked' has no available versions",
    });
    assert.equal(await bench.client.ready(), true);
  });

  test('a configuration in the load holds until the next load', async () => {
    const { maxBatchSize } = await configOf('started');
    assert.equal(maxBatchSize, 32);
    await bench.client.load('started', { config: '{"max_batch_size":"3","dynamicBatching":{}}' });
    assert.equal((await configOf('started')).maxBatchSize, 3);
    await assert.rejects(
      bench.client.infer({
        model: 'started',
        inputs: [{ name: 'x', shape: [4, 1], data: new Float32Array(4) }],
      }),
      { code: 'invalid_argument', message: /batch-size must be <= 3/ },
    );
    await bench.client.load('started');
    assert.equal((await configOf('started')).maxBatchSize, 32);
  });

  test('a configuration that is wrong leaves what serves, and the reason in the index', async () => {
    await assert.rejects(bench.client.load('started', { config: '{"max_batch_sise":3}' }), {
      code: 'invalid_argument',
      message: /^load failed for model 'started': .*max_batch_sise: unknown field/,
    });
    assert.match((await bench.states('started')).join(), /^1 READY .*max_batch_sise: unknown field/);
    assert.deepEqual(floats(await bench.infer('started')), [1, 2]);
    assert.equal(await bench.client.ready(), true);
    await bench.client.load('started');
    assert.deepEqual(await bench.states('started'), ['1 READY']);
  });

  test('files in the load replace the folder, and need a configuration', async () => {
    const files = new Map([['7/model.onnx', pair]]);
    await assert.rejects(bench.client.load('brought', { files }), { code: 'invalid_argument' });
    await bench.client.load('brought', { config: '{}', files });
    assert.deepEqual(await bench.states('brought'), ['7 READY']);
    const answer = await bench.client.infer({ model: 'brought', inputs: pairInputs });
    assert.deepEqual(
      [floats(answer, 'sum'), floats(answer, 'difference')],
      [
        [6, 9],
        [4, 5],
      ],
    );
    for (const path of ['../1/model.onnx', '/1/model.onnx', '1/../../model.onnx']) {
      await assert.rejects(bench.client.load('brought', { config: '{}', files: new Map([[path, pair]]) }), {
        code: 'invalid_argument',
      });
    }
    await bench.client.unload('brought');
    await assert.rejects(bench.client.load('brought'), { code: 'not_found' });
  });

  test('a model that is in no repository is not found, whatever its name', async () => {
    for (const model of ['absent', '../started', 'started/1', '.']) {
      await assert.rejects(bench.client.load(model), {
        code: 'not_found',
        message: `failed to load '${model}', failed to poll from model repository`,
      });
    }
  });

  test('a new version that cannot load leaves the old one serving', async () => {
    await bench.client.load('broken');
    bench.folder.put('broken/2/model.onnx', 'this is no model');
    await assert.rejects(bench.client.load('broken'), {
      code: 'invalid_argument',
      message: /^load failed for model 'broken': version 2: /,
    });
    const [old, broken] = await bench.states('broken');
    assert.equal(old, '1 READY');
    assert.match(broken ?? '', /^2 UNAVAILABLE ./);
    assert.equal((await bench.infer('broken')).version, '1');
    assert.equal(await bench.client.ready(), true);
    assert.equal(await bench.client.modelReady('broken', '2'), false);
    bench.folder.put('broken/2/model.onnx', identity);
    await bench.client.load('broken');
    assert.equal((await bench.infer('broken')).version, '2');
    assert.deepEqual(await bench.states('broken'), ['1 UNAVAILABLE unloaded', '2 READY']);
  });

  test('a model with external data loads, and not when the data is gone', async () => {
    await bench.client.load('external');
    const answer = await bench.client.infer({
      model: 'external',
      inputs: [{ name: 'x', shape: [1, 4], data: Float32Array.of(1, 1, 1, 1) }],
    });
    assert.deepEqual(floats(answer), [2, 3, 4, 5]);
    const data = join(bench.folder.path, 'external/1/weights.bin');
    rmSync(data);
    symlinkSync('/etc/passwd', data);
    await assert.rejects(bench.client.load('external'), (error: Error) => {
      return /weights\.bin/.test(error.message) && !/passwd/.test(error.message);
    });
    assert.match((await bench.states('external')).join(), /^1 READY .*weights\.bin/);
  });

  test('reloads under load fail no request', async () => {
    await bench.client.load('busy-reload');
    const going = new AbortController();
    let answered = 0;
    const client = async (): Promise<void> => {
      while (!going.signal.aborted) {
        assert.deepEqual(floats(await bench.infer('busy-reload')), [1, 2]);
        answered++;
      }
    };
    const clients = Promise.all(Array.from({ length: 8 }, client));
    for (let round = 0; round < 6; round++) {
      await bench.client.load('busy-reload', {
        config: `{"max_batch_size":${8 + round},"dynamic_batching":{}}`,
      });
      const wanted = answered + 8;
      const areAnswered = (): boolean => answered >= wanted;
      while (!areAnswered()) await Promise.race([setImmediate(), clients]);
    }
    going.abort();
    await clients;
    assert.equal((await configOf('busy-reload')).maxBatchSize, 13);
  });

  test('many loads and unloads of one model at once end in one state', async () => {
    const calls = Array.from({ length: 12 }, (_, index) =>
      index % 2 === 0 ? bench.client.load('asked') : bench.client.unload('asked'),
    );
    await Promise.all(calls);
    await bench.client.load('asked');
    assert.deepEqual(floats(await bench.infer('asked')), [1, 2]);
  });

  async function configOf(model: string): Promise<{ readonly maxBatchSize: unknown }> {
    return { maxBatchSize: (await bench.client.config(model))['max_batch_size'] };
  }
});

test('mode none loads everything at start and refuses to load and unload', { timeout }, async () => {
  await using bench = await Bench.start((folder) => {
    folder.put('m/1/model.onnx', identity);
    folder.put('m/3/model.onnx', identity);
    folder.put('m/config.pbtxt', 'version_policy { all { } }');
    return {};
  });
  const refusal = {
    code: 'unavailable',
    message: /explicit model load \/ unload is not allowed if polling is enabled/,
  };
  await assert.rejects(bench.client.load('m'), refusal);
  await assert.rejects(bench.client.unload('m'), refusal);
  assert.deepEqual(await bench.states('m'), ['1 READY', '3 READY']);
  assert.equal((await bench.infer('m')).version, '3');
  assert.equal((await bench.infer('m', '1')).version, '1');
  assert.deepEqual((await bench.client.metadata('m')).versions, ['1', '3']);
  assert.deepEqual((await bench.client.metadata('m', '1')).versions, ['1']);
});

test(
  'a model that cannot load keeps the server from being ready; the others serve',
  { timeout },
  async () => {
    await using bench = await Bench.start((folder) => {
      folder.put('bad/1/model.onnx', 'no model');
      folder.put('good/1/model.onnx', identity);
      return {};
    });
    assert.equal(await bench.client.live(), true);
    assert.equal(await bench.client.ready(), false);
    assert.deepEqual(floats(await bench.infer('good')), [1, 2]);
    assert.match((await bench.states('bad')).join(), /^1 UNAVAILABLE ./);
    using watch = watchHealth(bench.server.grpcAddress, '');
    await watch.until('NOT_SERVING');
  },
);

test('mode poll follows the repository: models come, change and go', { timeout }, async () => {
  await using bench = await Bench.start((folder) => {
    folder.put('first/1/model.onnx', identity);
    return { args: ['--model-control-mode', 'poll', '--repository-poll-secs', '1'] };
  });
  using watch = watchHealth(bench.server.grpcAddress, 'second');
  bench.folder.put('.coming/1/model.onnx', identity);
  renameSync(join(bench.folder.path, '.coming'), join(bench.folder.path, 'second'));
  await watch.until('SERVING');
  assert.deepEqual(floats(await bench.infer('second')), [1, 2]);
  bench.folder.put('.coming/model.onnx', identity);
  renameSync(join(bench.folder.path, '.coming'), join(bench.folder.path, 'second/2'));
  let { version } = await bench.infer('second');
  while (version === '1') ({ version } = await bench.infer('second'));
  assert.equal(version, '2');
  rmSync(join(bench.folder.path, 'second'), { recursive: true });
  await watch.until('SERVICE_UNKNOWN');
  assert.deepEqual(await bench.states('second'), []);
  assert.deepEqual(await bench.states('first'), ['1 READY']);
});

describe('what may be served without Triton’s layout', { timeout }, () => {
  test('one .onnx file, given as an argument', async () => {
    await using bench = await Bench.start((folder) => ({
      repository: [],
      args: [folder.put('net.onnx', identity)],
    }));
    assert.deepEqual(floats(await bench.infer('net')), [1, 2]);
  });

  test('a flat folder of .onnx files', async () => {
    await using bench = await Bench.start((folder) => {
      folder.put('one.onnx', identity);
      folder.put('two.onnx', pair);
      return {};
    });
    assert.deepEqual(floats(await bench.infer('one')), [1, 2]);
    assert.deepEqual(
      (await bench.client.metadata('two')).outputs.map(({ name }) => name),
      ['sum', 'difference'],
    );
  });

  test('the folder of one model, as KServe mounts it, with the flags that KServe gives', async () => {
    const httpPort = await freePort();
    await using bench = await Bench.start((folder) => {
      folder.put('config.pbtxt', 'name: "mounted"');
      folder.put('1/model.onnx', identity);
      return {
        repository: [],
        args: [
          `--model-store=${folder.path}`,
          '--allow-http=true',
          `--http-port=${httpPort}`,
          '--strict-model-config=false',
        ],
      };
    });
    assert.deepEqual(floats(await bench.infer('mounted')), [1, 2]);
  });
});

test(
  'links that leave the repository are not followed, and say so without their target',
  { timeout },
  async () => {
    using outside = new RepositoryFolder();
    outside.put('secret/1/model.onnx', identity);
    await using bench = await Bench.start((folder) => {
      folder.put('good/1/model.onnx', identity);
      folder.put('version/labels.txt', '');
      symlinkSync(join(outside.path, 'secret'), join(folder.path, 'model'));
      symlinkSync(join(outside.path, 'secret/1'), join(folder.path, 'version/1'));
      folder.put('file/1/readme', '');
      symlinkSync(join(outside.path, 'secret/1/model.onnx'), join(folder.path, 'file/1/model.onnx'));
      return { args: ['--strict-readiness', 'false'] };
    });
    for (const model of ['model', 'version', 'file']) {
      const states = (await bench.states(model)).join();
      assert.match(states, /UNAVAILABLE '.*' leads out of /, model);
      assert.ok(!states.includes(outside.path));
      assert.equal(await bench.client.modelReady(model), false);
    }
    assert.deepEqual(floats(await bench.infer('good')), [1, 2]);
  },
);

test('a stop is heard by watchers first, and a request that runs is answered', { timeout }, async () => {
  await using models = await HeldModels.start({ hold: '' });
  using watch = watchHealth(models.server.grpcAddress, '');
  await watch.until('SERVING');
  const running = await models.hold('hold');
  const stopped = models.server.stop();
  await watch.until('NOT_SERVING');
  assert.equal((await running.release()).outputs.length, 1);
  assert.equal(await stopped, 0);
});

test('a second signal ends a process at once, also while a run never ends', { timeout }, async () => {
  using folder = new RepositoryFolder();
  folder.put('busy/1/model.onnx', fixture('busy'));
  const args = ['--placement', 'thread', '--exit-timeout-secs', '1'];
  const server = await startServer({ repository: folder.path, args });
  using client = createClient({ address: server.grpcAddress });
  const lost = client
    .infer({ model: 'busy', inputs: [{ name: 'rounds', shape: [], data: BigInt64Array.of(2n ** 50n) }] })
    .then(
      () => 'answered',
      () => 'failed',
    );
  await client.live();
  process.kill(server.pid, 'SIGTERM');
  assert.equal(await lost, 'failed');
  assert.equal(await server.stop(), null, 'ended by a signal, not by an exit status');
});
