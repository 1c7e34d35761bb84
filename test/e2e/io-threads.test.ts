import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createServer } from '../../src/server.ts';
import { silentLogger } from '../../src/inference/logger.ts';
import { CallContext } from '../../src/inference/call-context.ts';
import { noParameters } from '../../src/inference/request.ts';
import { systemClock } from '../../src/util/clock.ts';
import { CallError, GrpcConnection } from '../support/grpc-connection.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';

const iris = readFileSync(
  join(import.meta.dirname, '..', '..', 'examples', 'models', 'iris', '1', 'model.onnx'),
);
const skip = availableParallelism() < 2 ? 'needs two cores' : false;
const transports = ['h2', 'grpc-js'] as const;

/** So many that the kernel puts some on each of two threads, but for one time in 16 million. */
const connectionCount = 24;

const features = new Uint8Array(new Float32Array([5.1, 3.5, 1.4, 0.2]).buffer);

function flower(model = 'iris'): object {
  return {
    model_name: model,
    inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 4] }],
    raw_input_contents: [features],
  };
}

function irisRepository(config = ''): RepositoryFolder {
  const folder = new RepositoryFolder();
  folder.put('iris/1/model.onnx', iris);
  if (config !== '') folder.put('iris/config.pbtxt', config);
  return folder;
}

function start(
  repository: RepositoryFolder,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningServer> {
  return startServer({
    repository: repository.path,
    args: ['--io-threads', '2', '--grpc-transport', 'h2', ...args],
    env,
  });
}

/** The first I/O thread of a server with this environment throws once the file is there. */
function planCrash(repository: RepositoryFolder): {
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
} {
  const file = join(repository.path, 'crash-now');
  const preload = new URL('../support/crash-io-threads.ts', import.meta.url);
  return { file, env: { NODE_OPTIONS: `--import=${preload.href}`, CRASH_FILE: file } };
}

/** Connections of their own, which close together. */
class Crowd implements Disposable {
  readonly connections: readonly GrpcConnection[];

  private constructor(connections: readonly GrpcConnection[]) {
    this.connections = connections;
  }

  static async open(port: number, count = connectionCount): Promise<Crowd> {
    return new Crowd(await Promise.all(Array.from({ length: count }, () => GrpcConnection.open(port))));
  }

  call(rpc: string, request: object): Promise<Readonly<Record<string, unknown>>[]> {
    return Promise.all(this.connections.map((connection) => connection.call(rpc, request)));
  }

  [Symbol.dispose](): void {
    for (const connection of this.connections) connection[Symbol.dispose]();
  }
}

interface Counted {
  readonly model_stats: readonly {
    readonly inference_count: number;
    readonly inference_stats: { readonly success: { readonly count: number } };
  }[];
}

function counts(answer: object): readonly number[] {
  const [stats] = (answer as Counted).model_stats;
  return [stats?.inference_count ?? -1, stats?.inference_stats.success.count ?? -1];
}

/** Asks, since the end of a connection may not have been heard of. */
async function isOpen(connection: GrpcConnection): Promise<boolean> {
  return connection.ping().then(
    () => true,
    () => false,
  );
}

async function isReady(connection: GrpcConnection): Promise<boolean> {
  return (await connection.call('ModelReady', { name: 'iris' }))['ready'] === true;
}

for (const transport of transports) {
  describe(`two I/O threads on ${transport}`, { skip }, () => {
    const args = ['--grpc-transport', transport];

    test('every connection is answered, and reads the statistics of all', async () => {
      using repository = irisRepository();
      await using server = await start(repository, args);
      using crowd = await Crowd.open(server.grpcPort);
      for (let round = 0; round < 4; round++) {
        for (const answer of await crowd.call('ModelInfer', flower()))
          assert.equal(answer['model_name'], 'iris');
      }
      const all = 4 * connectionCount;
      for (const answer of await crowd.call('ModelStatistics', { name: 'iris' })) {
        assert.deepEqual(counts(answer), [all, all]);
      }
    });

    test('a load and an unload hold for every connection once they are answered', async () => {
      using repository = irisRepository();
      await using server = await start(repository, [...args, '--model-control-mode', 'explicit']);
      using crowd = await Crowd.open(server.grpcPort);
      for (const connection of crowd.connections.slice(0, 6)) {
        await connection.call('RepositoryModelLoad', { model_name: 'iris' });
        assert.ok((await Promise.all(crowd.connections.map(isReady))).every(Boolean));
        await crowd.call('ModelInfer', flower());
        await connection.call('RepositoryModelUnload', { model_name: 'iris' });
        assert.ok(!(await Promise.all(crowd.connections.map(isReady))).some(Boolean));
        await assert.rejects(connection.call('ModelInfer', flower()), CallError);
      }
      await assert.rejects(
        crowd.call('RepositoryModelLoad', { model_name: 'missing' }),
        /failed to load 'missing'/,
      );
    });

    test('on a stop every request that has arrived is answered, in both threads, and the process ends with 0', async () => {
      using repository = irisRepository(
        'max_batch_size: 64 dynamic_batching { preferred_batch_size: [64] max_queue_delay_microseconds: 400000 }',
      );
      await using server = await start(repository, args);
      using crowd = await Crowd.open(server.grpcPort);
      const answers = crowd.call('ModelInfer', flower());
      await Promise.all(crowd.connections.map((connection) => connection.ping()));
      assert.equal(await server.stop(), 0);
      assert.equal((await answers).length, connectionCount);
    });
  });
}

describe('two I/O threads', { skip }, () => {
  test('reloads under load fail no request', async () => {
    using repository = irisRepository();
    await using server = await start(repository, [
      '--model-control-mode',
      'explicit',
      '--load-model',
      'iris',
    ]);
    using crowd = await Crowd.open(server.grpcPort);
    const reloading = new AbortController();
    let answered = 0;
    const load = async (connection: GrpcConnection): Promise<void> => {
      while (!reloading.signal.aborted) {
        await connection.call('ModelInfer', flower());
        answered++;
      }
    };
    const loads = crowd.connections.map(load);
    using control = await GrpcConnection.open(server.grpcPort);
    for (const rows of [8, 16, 8, 16]) {
      const config = { string_param: JSON.stringify({ max_batch_size: rows, dynamic_batching: {} }) };
      const before = answered;
      await control.call('RepositoryModelLoad', { model_name: 'iris', parameters: { config } });
      assert.ok(answered > before);
      for (const answer of await crowd.call('ModelConfig', { name: 'iris' })) {
        assert.equal((answer as { config: { max_batch_size: number } }).config.max_batch_size, rows);
      }
    }
    reloading.abort();
    await Promise.all(loads);
  });

  test('a thread that is lost takes only its own connections, and is replaced', async () => {
    using repository = irisRepository();
    const crash = planCrash(repository);
    await using server = await start(repository, [], crash.env);
    using crowd = await Crowd.open(server.grpcPort);
    await crowd.call('ModelInfer', flower());
    writeFileSync(crash.file, '');
    await server.printed(/an I\/O thread was replaced/);
    assert.match(server.output(), /a fault that a test planted/);
    const open = await Promise.all(crowd.connections.map(isOpen));
    const left = crowd.connections.filter((_, index) => open[index]);
    assert.ok(left.length > 0 && left.length < connectionCount, `${left.length} connections are left`);
    await Promise.all(left.map((connection) => connection.call('ModelInfer', flower())));
    using next = await Crowd.open(server.grpcPort);
    await next.call('ModelInfer', flower());
    const all = 2 * connectionCount + left.length;
    for (const answer of await next.call('ModelStatistics', { name: 'iris' })) {
      assert.deepEqual(counts(answer), [all, all]);
    }
  });

  test('a thread that is lost while its sessions compute in threads of their own fails no request of the others', async () => {
    using repository = irisRepository();
    const crash = planCrash(repository);
    await using server = await start(repository, ['--placement', 'thread'], crash.env);
    using crowd = await Crowd.open(server.grpcPort);
    const enough = new AbortController();
    let lost = 0;
    const load = async (connection: GrpcConnection): Promise<void> => {
      while (!enough.signal.aborted) {
        try {
          await connection.call('ModelInfer', flower());
        } catch {
          await assert.rejects(connection.ping(), 'a request failed on a connection that is open');
          lost++;
          return;
        }
      }
    };
    const loads = crowd.connections.map(load);
    writeFileSync(crash.file, '');
    await server.printed(/an I\/O thread was replaced/);
    enough.abort();
    await Promise.all(loads);
    assert.ok(lost > 0 && lost < connectionCount, `${lost} connections were lost`);
  });

  test('a change of the log settings on one connection holds for all', async () => {
    using repository = irisRepository();
    await using server = await start(repository, ['--allow-settings']);
    using crowd = await Crowd.open(server.grpcPort);
    const read = { settings: {} };
    for (const [index, connection] of crowd.connections.entries()) {
      const level = index % 2;
      await connection.call('LogSettings', { settings: { log_verbose_level: { uint32_param: level } } });
      for (const answer of await crowd.call('LogSettings', read)) {
        const { settings } = answer as { settings: Record<string, { uint32_param?: number }> };
        assert.equal(settings['log_verbose_level']?.uint32_param, level);
      }
    }
  });

  test('a second server on the same port is refused, although threads share theirs', async () => {
    using repository = irisRepository();
    await using server = await start(repository);
    await assert.rejects(
      createServer({
        models: { repositories: [repository.path] },
        grpc: { port: server.grpcPort },
        http: { enabled: false },
        metrics: { port: 0 },
        admin: { address: 'off' },
        server: { ioThreads: 2 },
        log: { level: 'silent' },
      }),
      /EADDRINUSE/,
    );
  });

  test('a server in this process infers through its threads', async () => {
    using repository = irisRepository();
    const logger = { ...silentLogger, level: 'silent' as const, muted: new Set<never>() };
    await using server = await createServer(
      {
        models: { repositories: [repository.path] },
        grpc: { port: 0 },
        http: { port: 0 },
        metrics: { port: 0 },
        admin: { address: 'off' },
        server: { ioThreads: 2 },
      },
      { logger },
    );
    const now = systemClock.now();
    for (let n = 0; n < 4; n++) {
      const call = new CallContext(now, Infinity);
      const response = await server.infer(
        {
          model: 'iris',
          version: '',
          id: `${n}`,
          inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 4], data: features }],
          outputs: [],
          parameters: noParameters,
        },
        call,
      );
      assert.equal(response.id, `${n}`);
      assert.deepEqual(response.outputs[0]?.shape, [1, 1]);
    }
    assert.equal(server.catalog.statistics('iris', '')[0]?.inferenceCount, 4);
  });

  test('a wrapped pipeline is refused', async () => {
    using repository = irisRepository();
    await assert.rejects(
      createServer(
        { models: { repositories: [repository.path] }, server: { ioThreads: 2 }, log: { level: 'silent' } },
        { wrap: (next) => next },
      ),
      /cannot run on I\/O threads/,
    );
  });
});
