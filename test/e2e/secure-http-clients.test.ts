import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { runChecks } from '../support/run-python.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { findProgram, findPython } from '../support/tools.ts';

const execute = promisify(execFile);
const exampleModels = join(import.meta.dirname, '..', '..', 'examples', 'models');
const certificates = join(import.meta.dirname, '..', 'fixtures', 'tls');
const apiKey = '6b1f0c2d9e8a7b35';
const grpcurl = findProgram('grpcurl');
const python = findPython();

function pemFile(name: string): string {
  return join(certificates, `${name}.pem`);
}

const authority = ['--grpc-root-cert', pemFile('authority')];

/** Where HTTP is, and how its clients must show themselves. */
const setups: readonly { readonly title: string; readonly args: readonly string[]; readonly own: string }[] =
  [
    { title: 'TLS on a port of its own', args: ['--http-use-ssl'], own: '' },
    {
      title: 'mutual TLS on a port of its own',
      args: ['--http-use-ssl-mutual', ...authority],
      own: 'client',
    },
    {
      title: 'mutual TLS on the port of gRPC',
      args: ['--http-on-grpc-port', '--grpc-use-ssl-mutual', ...authority],
      own: 'client',
    },
  ];

for (const { title, args, own } of setups) {
  describe(`HTTP clients with API keys over ${title}`, { timeout: 240_000 }, () => {
    const resources = new AsyncDisposableStack();
    let server: RunningServer;

    before(async () => {
      const folder = resources.use(new TemporaryFolder());
      const keys = folder.write('keys.yaml', `keys: [{ principal: tester, key: '${apiKey}' }]\n`);
      chmodSync(keys, 0o600);
      const files = ['--grpc-server-cert', pemFile('server'), '--grpc-server-key', pemFile('server-key')];
      const all = ['--api-keys-file', keys, ...files, ...args];
      server = resources.use(await startServer({ repository: exampleModels, args: all }));
    });
    after(() => resources.disposeAsync());

    test('tritonclient and aiohttp', { skip: python.skip }, async (t) => {
      const address = server.httpAddress.replace('127.0.0.1', 'localhost');
      await runChecks(t, 'secure_http_checks.py', [address, certificates, own], { env: { API_KEY: apiKey } });
    });

    if (args.includes('--http-on-grpc-port')) {
      test('grpcurl is served on the same port', { skip: grpcurl.skip }, async () => {
        assert.equal(server.httpAddress, server.grpcAddress);
        const trust = ['-cacert', pemFile('authority'), '-cert', pemFile(own), '-key', pemFile(`${own}-key`)];
        const target = [`localhost:${server.grpcPort}`, 'inference.GRPCInferenceService/ModelReady'];
        const call = [
          '-H',
          `x-api-key: ${apiKey}`,
          '-reflect-header',
          `x-api-key: ${apiKey}`,
          '-d',
          '{"name":"iris"}',
        ];
        const { stdout } = await execute(grpcurl.path, [...trust, ...call, ...target], { timeout: 120_000 });
        assert.match(stdout, /"ready": true/);
      });
    }
  });
}
