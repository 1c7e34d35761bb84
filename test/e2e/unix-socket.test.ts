import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { createClient } from '../../src/client/client.ts';
import { runChecks } from '../support/run-python.ts';
import { startServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { findProgram, findPython } from '../support/tools.ts';

const execute = promisify(execFile);
const exampleModels = join(import.meta.dirname, '..', '..', 'examples', 'models');
const grpcurl = findProgram('grpcurl');
const python = findPython();

for (const transport of ['h2', 'grpc-js']) {
  describe(`clients over a Unix socket on ${transport}`, { timeout: 240_000 }, () => {
    const resources = new AsyncDisposableStack();
    const path = join(resources.use(new TemporaryFolder()).path, 'grpc.sock');

    before(async () => {
      const args = ['--grpc-transport', transport, '--grpc-unix-socket', path];
      const server = await startServer({ repository: exampleModels, args });
      resources.use(server);
      resources.defer(async () => {
        await server.stop();
        assert.equal(existsSync(path), false, 'the socket is gone with the server');
      });
    });
    after(() => resources.disposeAsync());

    test('grpc-go: grpcurl', { skip: grpcurl.skip }, async () => {
      const call = ['-d', '{"name":"iris"}', path, 'inference.GRPCInferenceService/ModelReady'];
      const { stdout } = await execute(grpcurl.path, ['-plaintext', '-unix', '-max-time', '60', ...call]);
      assert.deepEqual(JSON.parse(stdout), { ready: true });
    });

    test('grpc-core: tritonclient', { skip: python.skip }, async (t) => {
      await runChecks(t, 'tritonclient_checks.py', [`unix:${path}`, exampleModels]);
    });

    test('grpc-js', async () => {
      using client = createClient({ address: `unix:${path}` });
      const data = Float32Array.of(5.1, 3.5, 1.4, 0.2);
      const { outputs } = await client.infer({
        model: 'iris',
        inputs: [{ name: 'features', shape: [1, 4], data }],
      });
      assert.deepEqual(outputs.find(({ name }) => name === 'label')?.data, BigInt64Array.of(0n));
    });
  });
}
