import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { createClient } from '../../src/client/client.ts';
import { runChecks } from '../support/run-python.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { findProgram, findPython } from '../support/tools.ts';

const execute = promisify(execFile);
const exampleModels = join(import.meta.dirname, '..', '..', 'examples', 'models');
const certificates = join(import.meta.dirname, '..', 'fixtures', 'tls');
const infer = 'inference.GRPCInferenceService/ModelInfer';
const apiKey = '6b1f0c2d9e8a7b35';
const grpcurl = findProgram('grpcurl');
const ghz = findProgram('ghz');
const python = findPython();

const flower = {
  model_name: 'iris',
  inputs: [
    { name: 'features', datatype: 'FP32', shape: [1, 4], contents: { fp32_contents: [5.1, 3.5, 1.4, 0.2] } },
  ],
};
const row = {
  model: 'iris',
  inputs: [{ name: 'features', shape: [1, 4], data: Float32Array.of(5.1, 3.5, 1.4, 0.2) }],
};

function pemFile(name: string): string {
  return join(certificates, `${name}.pem`);
}

function pem(name: string): Buffer {
  return readFileSync(pemFile(name));
}

/** `-cacert FILE -cert FILE -key FILE`, as grpcurl and ghz both take them. */
function tlsFlags(authority: string, own: string): readonly string[] {
  const trust = ['-cacert', pemFile(authority)];
  return own === '' ? trust : [...trust, '-cert', pemFile(own), '-key', pemFile(`${own}-key`)];
}

/** What a failed program wrote. */
function said(error: unknown): string {
  return error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
}

for (const transport of ['h2', 'grpc-js']) {
  for (const { mode, own } of [
    { mode: 'TLS', own: '' },
    { mode: 'mutual TLS', own: 'client' },
  ]) {
    describe(`clients with API keys over ${mode} on ${transport}`, { timeout: 240_000 }, () => {
      const resources = new AsyncDisposableStack();
      let server: RunningServer;
      /** By name, so that clients send it (SNI) and look for it in the certificate. */
      let address: string;

      before(async () => {
        const folder = resources.use(new TemporaryFolder());
        const keys = folder.write('keys.yaml', `keys: [{ principal: tester, key: '${apiKey}' }]\n`);
        chmodSync(keys, 0o600);
        const files = ['--grpc-server-cert', pemFile('server'), '--grpc-server-key', pemFile('server-key')];
        const tls =
          own === ''
            ? ['--grpc-use-ssl']
            : ['--grpc-use-ssl-mutual', '--grpc-root-cert', pemFile('authority')];
        const args = ['--grpc-transport', transport, '--api-keys-file', keys, ...tls, ...files];
        server = resources.use(await startServer({ repository: exampleModels, args }));
        address = `localhost:${server.grpcPort}`;
      });
      after(() => resources.disposeAsync());

      async function curl(flags: readonly string[], header: string): Promise<string> {
        const body = ['-H', header, '-d', JSON.stringify(flower)];
        const args = [
          '-max-time',
          '60',
          ...flags,
          '-reflect-header',
          `x-api-key: ${apiKey}`,
          ...body,
          address,
          infer,
        ];
        return (await execute(grpcurl.path, args, { timeout: 120_000 })).stdout;
      }

      test('grpc-go: grpcurl, with the key in either header', { skip: grpcurl.skip }, async () => {
        for (const header of [`authorization: Bearer ${apiKey}`, `x-api-key: ${apiKey}`]) {
          assert.match(await curl(tlsFlags('authority', own), header), /"modelName": "iris"/);
        }
      });

      test('grpc-go: grpcurl is refused with a wrong key', { skip: grpcurl.skip }, async () => {
        await assert.rejects(curl(tlsFlags('authority', own), `x-api-key: ${apiKey}0`), (error) =>
          /Code: Unauthenticated/.test(said(error)),
        );
      });

      test('grpc-go: grpcurl does not trust a stranger', { skip: grpcurl.skip }, async () => {
        await assert.rejects(curl(tlsFlags('stranger-authority', own), `x-api-key: ${apiKey}`), (error) =>
          /certificate signed by unknown authority/.test(said(error)),
        );
      });

      test('grpc-go: ghz, on four connections', { skip: ghz.skip }, async () => {
        const proto = join(import.meta.dirname, '..', '..', 'proto', 'grpc_service.proto');
        const load = '--format json -n 400 -c 16 --connections 4 --cpus 1'.split(' ');
        const flags = tlsFlags('authority', own).map((word) => word.replace(/^-(?=c|k)/, '--'));
        const call = ['--proto', proto, '--call', infer, '-d', JSON.stringify(flower)];
        const key = ['-m', JSON.stringify({ authorization: `Bearer ${apiKey}` })];
        const { stdout } = await execute(ghz.path, [...load, ...flags, ...call, ...key, address], {
          timeout: 240_000,
          maxBuffer: 64 << 20,
        });
        const report: { statusCodeDistribution: object } = JSON.parse(stdout);
        assert.deepEqual(report.statusCodeDistribution, { OK: 400 });
      });

      test('grpc-core: tritonclient', { skip: python.skip }, async (t) => {
        await runChecks(t, 'secure_checks.py', [address, certificates, own], { env: { API_KEY: apiKey } });
      });

      function client(authority: string, shown: string, key = apiKey): ReturnType<typeof createClient> {
        const ca = pem(authority);
        const identity = shown === '' ? {} : { cert: pem(shown), key: pem(`${shown}-key`) };
        return createClient({ address, apiKey: key, tls: { ca, ...identity } });
      }

      test('grpc-js: calls and streams with a key, and none without', async () => {
        using known = client('authority', own);
        assert.equal((await known.infer(row)).model, 'iris');
        await using stream = known.stream();
        await stream.send(row);
        stream.end();
        const kinds = [];
        for await (const { kind } of stream.replies) kinds.push(kind);
        assert.deepEqual(kinds, ['answer']);
        using unknown = client('authority', own, 'another key of the same');
        await assert.rejects(unknown.infer(row), { code: 'unauthenticated' });
        await assert.rejects(known.load('iris'), { code: 'permission_denied' });
      });

      test('grpc-js: does not trust a stranger', async () => {
        using wary = client('stranger-authority', own);
        await assert.rejects(wary.infer(row, { timeoutMs: 60_000 }), { code: 'unavailable' });
      });

      if (own !== '') {
        test('clients without a certificate, or with a stranger’s, are refused', async () => {
          for (const shown of ['', 'stranger']) {
            using refused = client('authority', shown);
            await assert.rejects(refused.infer(row, { timeoutMs: 60_000 }), { code: 'unavailable' });
          }
        });
      }

      test('HTTP/2 is agreed on, and TLS before 1.2 is refused', async () => {
        assert.equal(await agreed('TLSv1.3'), 'TLSv1.3 h2');
        await assert.rejects(agreed('TLSv1.1'), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
      });

      function agreed(maxVersion: 'TLSv1.1' | 'TLSv1.3'): Promise<string> {
        return new Promise((resolve, reject) => {
          const socket = connect({
            host: '127.0.0.1',
            port: server.grpcPort,
            servername: 'localhost',
            ca: pem('authority'),
            ...(own === '' ? {} : { cert: pem(own), key: pem(`${own}-key`) }),
            ALPNProtocols: ['h2'],
            // Else the client would not even ask for the old version.
            ciphers: 'DEFAULT@SECLEVEL=0',
            minVersion: 'TLSv1',
            maxVersion,
          });
          socket.once('error', reject).once('secureConnect', () => {
            resolve(`${socket.getProtocol()} ${String(socket.alpnProtocol)}`);
            socket.destroy();
          });
        });
      }
    });
  }
}
