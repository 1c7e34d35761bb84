import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CallError, GrpcConnection } from '../support/grpc-connection.ts';
import { runChecks, runPython } from '../support/run-python.ts';
import { SharedObject } from '../support/shared-object.ts';
import { startServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { findPython } from '../support/tools.ts';

const { skip } = findPython();
const exampleModels = join(import.meta.dirname, '..', '..', 'examples', 'models');
const allowed = ['--allow-client-shm'];

const clients = [
  ['grpc', 'h2', '1'],
  ['grpc', 'grpc-js', '1'],
  ['http', 'h2', '1'],
  ['grpc', 'h2', '2'],
  ['http', 'h2', '2'],
] as const;

for (const [front, transport, threads] of clients) {
  const title = `NVIDIA's ${front} client with shared memory, ${transport}, ${threads} I/O thread(s)`;
  test(title, { skip }, async (t) => {
    if (Number(threads) > availableParallelism()) {
      t.skip('needs two cores');
      return;
    }
    const repository = mkdtempSync(join(tmpdir(), 'tensorgate-shared-memory-'));
    try {
      await runPython('make_identity_models.py', [repository]);
      const args = [...allowed, '--grpc-transport', transport, '--io-threads', threads];
      await using server = await startServer({ repository, args });
      const address = front === 'grpc' ? server.grpcAddress : server.httpAddress;
      await runChecks(t, 'shared_memory_checks.py', [front, address]);
    } finally {
      rmSync(repository, { recursive: true });
    }
  });
}

const features = Buffer.from(new Float32Array([5.1, 3.5, 1.4, 0.2]).buffer);

/** Outputs into the second half of a region of 32 bytes; the input comes from the first. */
function flower(region: string): object {
  const parameters = {
    shared_memory_region: { string_param: region },
    shared_memory_byte_size: { int64_param: 16 },
  };
  const behind = { ...parameters, shared_memory_offset: { int64_param: 16 } };
  return {
    model_name: 'iris',
    inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 4], parameters }],
    outputs: [{ name: 'probability', parameters: behind }],
  };
}

/** So many that the kernel puts some on each of two threads, but for one time in 8 million. */
const connectionCount = 24;

describe('two I/O threads', { skip: availableParallelism() < 2 ? 'needs two cores' : false }, () => {
  test('what one connection registers and unregisters holds for all, at once', async () => {
    using object = new SharedObject(Buffer.concat([features, Buffer.alloc(16)]));
    await using server = await startServer({
      repository: exampleModels,
      args: [...allowed, '--io-threads', '2'],
    });
    const connections = await Promise.all(
      Array.from({ length: connectionCount }, () => GrpcConnection.open(server.grpcPort)),
    );
    try {
      for (const connection of connections.slice(0, 6)) {
        await connection.call('SystemSharedMemoryRegister', { name: 'r', key: object.key, byte_size: 32 });
        const answers = await Promise.all(
          connections.map(async (other) => {
            await other.call('ModelInfer', flower('r'));
            return other.call('SystemSharedMemoryStatus', { name: 'r' });
          }),
        );
        assert.ok(answers.every(({ regions }) => 'r' in (regions as object)));
        assert.ok(Math.abs(object.read().readFloatLE(16) - 0.97) < 0.05, 'a probability');
        object.write(Buffer.concat([features, Buffer.alloc(16)]));
        await connection.call('SystemSharedMemoryUnregister', {});
        for (const other of connections) {
          await assert.rejects(other.call('ModelInfer', flower('r')), CallError);
        }
      }
    } finally {
      for (const connection of connections) connection[Symbol.dispose]();
    }
  });
});

test(
  'an I/O thread in place of a lost one knows what was registered before',
  {
    skip: availableParallelism() < 2 ? 'needs two cores' : false,
  },
  async () => {
    using object = new SharedObject(Buffer.concat([features, Buffer.alloc(16)]));
    using folder = new TemporaryFolder();
    const crash = join(folder.path, 'crash-now');
    const preload = new URL('../support/crash-io-threads.ts', import.meta.url);
    await using server = await startServer({
      repository: exampleModels,
      args: [...allowed, '--io-threads', '2'],
      env: { NODE_OPTIONS: `--import=${preload.href}`, CRASH_FILE: crash },
    });
    using connection = await GrpcConnection.open(server.grpcPort);
    await connection.call('SystemSharedMemoryRegister', { name: 'r', key: object.key, byte_size: 32 });
    folder.write('crash-now', '');
    await server.printed(/an I\/O thread was replaced/);
    for (let index = 0; index < connectionCount; index++) {
      using other = await GrpcConnection.open(server.grpcPort);
      await other.call('ModelInfer', flower('r'));
    }
    using last = await GrpcConnection.open(server.grpcPort);
    await last.call('SystemSharedMemoryUnregister', {});
    await assert.rejects(last.call('ModelInfer', flower('r')), CallError);
  },
);

test('each API key has regions of its own', async () => {
  using object = new SharedObject(Buffer.concat([features, Buffer.alloc(16)]));
  using folder = new TemporaryFolder();
  const keys = ['first', 'second'].map((principal) => ({
    principal,
    key: `${principal}-${'k'.repeat(40)}`,
    scopes: ['infer'],
  }));
  await using server = await startServer({
    repository: exampleModels,
    args: [...allowed, '--api-keys-file', folder.write('keys.json', JSON.stringify({ keys }))],
  });
  using connection = await GrpcConnection.open(server.grpcPort);
  const [first, second] = keys.map(({ key }) => ({ authorization: `Bearer ${key}` }));
  const registration = { name: 'r', key: object.key, byte_size: 32 };
  await connection.call('SystemSharedMemoryRegister', registration, first);
  await connection.call('ModelInfer', flower('r'), first);
  await assert.rejects(connection.call('ModelInfer', flower('r'), second), /Unable to find/);
  await connection.call('SystemSharedMemoryUnregister', {}, second);
  await connection.call('ModelInfer', flower('r'), first);
  await connection.call('SystemSharedMemoryRegister', registration, second);
  await assert.rejects(connection.call('SystemSharedMemoryStatus', {}), /16/);
});
