import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { startGrpcJsServer } from '../../src/transport/grpc/grpc-js-server.ts';
import { startH2GrpcServer } from '../../src/transport/grpc/h2-server.ts';
import type { GrpcServer, TlsFiles } from '../../src/transport/grpc/method.ts';
import { toGrpcStatus } from '../../src/transport/grpc/status.ts';
import { findProgram } from '../support/tools.ts';
import { loopbackOptions } from './server-options.ts';
import { EchoedStatus, testMethods } from './test-service.ts';

const run = promisify(execFile);
const client = findProgram('grpc-interop-client');
const options = { ...loopbackOptions, methods: testMethods };

/** Cases that ask for a status code which no handler of ours can give: our grpc-js transport has no way to. */
const statusCases = ['status_code_and_message', 'special_status_message'];
const cases = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
];

interface Transport {
  readonly name: string;
  readonly cases: readonly string[];
  readonly start: (tls: TlsFiles | undefined) => Promise<GrpcServer>;
}

const transports: readonly Transport[] = [
  {
    name: 'our HTTP/2',
    cases: [...cases, ...statusCases],
    start: (tls) =>
      startH2GrpcServer({
        ...options,
        tls,
        toStatus: (thrown) => (thrown instanceof EchoedStatus ? thrown.status : toGrpcStatus(thrown)),
      }),
  },
  { name: 'grpc-js', cases, start: (tls) => startGrpcJsServer({ ...options, tls }) },
];

const fixtures = join(import.meta.dirname, '..', 'fixtures', 'tls');
const files: TlsFiles = {
  cert: join(fixtures, 'server.pem'),
  key: join(fixtures, 'server-key.pem'),
  clientCa: undefined,
};

async function runCase(name: string, port: number, more: readonly string[]): Promise<void> {
  const args = [`-test_case=${name}`, '-server_host=127.0.0.1', `-server_port=${port}`, ...more];
  const { stderr } = await run(client.path, args, { timeout: 120_000 }).catch(
    (error: { stderr: string; code: unknown }) => {
      throw new Error(`${name} ended with ${String(error.code)}: ${error.stderr}`);
    },
  );
  assert.doesNotMatch(stderr, /FATAL/i);
}

for (const transport of transports) {
  describe(`grpc-go's interoperability client on ${transport.name}`, { skip: client.skip }, () => {
    it('passes every case over cleartext', async () => {
      const server = await transport.start(undefined);
      for (const name of transport.cases) await runCase(name, server.port, []);
      await server.drain(0);
    });

    it('passes every case over TLS', async () => {
      const server = await transport.start(files);
      const tlsArgs = [
        '-use_tls',
        '-use_test_ca',
        `-ca_file=${join(fixtures, 'authority.pem')}`,
        '-server_host_override=localhost',
      ];
      for (const name of transport.cases) await runCase(name, server.port, tlsArgs);
      await server.drain(0);
    });
  });
}
