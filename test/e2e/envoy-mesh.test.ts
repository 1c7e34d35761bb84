import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { transcodingDescriptors } from '../../tools/deploy/transcoding.ts';
import { createClient, type Client } from '../../src/client/client.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { framed, inferPath, inferRequest } from '../support/raw-infer.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { root } from '../support/source-tree.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { findProgram, findPython } from '../support/tools.ts';
import { meshConfig } from './support/mesh-config.ts';
import { runEnvoy, type RunningEnvoy } from './support/start-envoy.ts';

const { skip } = findProgram('envoy');
const python = findPython();
const certificates = join(root, 'test', 'fixtures', 'tls');

function row(...values: readonly number[]): Parameters<Client['infer']>[0] {
  return {
    model: 'small',
    inputs: [{ name: 'x', shape: [1, values.length], data: Float32Array.from(values) }],
  };
}

function busy(rounds: bigint): Parameters<Client['infer']>[0] {
  return { model: 'busy', inputs: [{ name: 'rounds', shape: [], data: BigInt64Array.of(rounds) }] };
}

function repository(): RepositoryFolder {
  const folder = new RepositoryFolder();
  folder.put('small/1/model.onnx', readFileSync(fixtureModel('identity_fp32')));
  folder.put('busy/1/model.onnx', readFileSync(fixtureModel('busy')));
  return folder;
}

describe('servers in a mesh of Envoy', { skip, timeout: 240_000 }, () => {
  const resources = new AsyncDisposableStack();
  let envoy: RunningEnvoy;
  let client: Client;
  let base = '';

  before(async () => {
    const folder = resources.use(repository());
    const start = async (): Promise<RunningServer> =>
      resources.use(await startServer({ repository: folder.path }));
    const servers = await Promise.all([start(), start()]);
    const grpc = servers.map(({ grpcAddress }) => grpcAddress);
    const http = servers.map(({ httpAddress }) => httpAddress);
    envoy = resources.use(await runEnvoy(meshConfig({ grpc, http, httpTimeoutMs: 150 })));
    client = resources.use(createClient({ address: envoy.address }));
    base = `http://${envoy.address}`;
  });
  after(() => resources.disposeAsync());

  test('a browser speaks gRPC-Web to them', async () => {
    const body = framed(inferRequest({ model: 'small', input: 'x', dims: [3] }));
    const headers = { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' };
    const response = await fetch(`${base}${inferPath}`, { method: 'POST', headers, body });
    assert.equal(response.headers.get('content-type'), 'application/grpc-web+proto');
    const reply = Buffer.from(await response.arrayBuffer());
    const messageBytes = reply.readUInt32BE(1);
    assert.ok(messageBytes > 12);
    const trailers = reply.subarray(5 + messageBytes);
    assert.equal(trailers[0], 0x80);
    assert.match(trailers.subarray(5).toString(), /grpc-status:0\r\n/);
  });

  test('JSON at the paths of the protocol becomes gRPC', async () => {
    const inputs = [
      { name: 'x', datatype: 'FP32', shape: ['1', '2'], contents: { fp32_contents: [1.5, 2] } },
    ];
    const response = await fetch(`${base}/v2/models/small/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'one', inputs }),
    });
    assert.equal(response.status, 200);
    const answer = (await response.json()) as {
      readonly id: string;
      readonly raw_output_contents: readonly [string];
    };
    assert.equal(answer.id, 'one');
    assert.deepEqual(
      new Float32Array(Uint8Array.from(Buffer.from(answer.raw_output_contents[0], 'base64')).buffer),
      Float32Array.of(1.5, 2),
    );
    const metadata = (await (await fetch(`${base}/v2/models/small/versions/1`)).json()) as {
      readonly name: string;
    };
    assert.equal(metadata.name, 'small');
    assert.deepEqual(await (await fetch(`${base}/v2/health/ready`)).json(), { ready: true });
    assert.equal((await fetch(`${base}/v2/models/nonesuch`)).status, 404);
  });

  test("a client's deadline reaches the server through Envoy", async () => {
    // The server, not Envoy, words it.
    await assert.rejects(client.infer(busy(300_000n), { timeoutMs: 60 }), { code: 'deadline_exceeded' });
  });

  test('the time that Envoy allows reaches a server over HTTP, which turns away what would come too late', async () => {
    const ask = async (): Promise<string> => {
      const input = { name: 'rounds', datatype: 'INT64', shape: [], data: [20_000] };
      const body = JSON.stringify({ inputs: [input] });
      const response = await fetch(`${base}/http/v2/models/busy/infer`, { method: 'POST', body });
      return `${response.status} ${await response.text()}`;
    };
    // What a request costs is learned, and both servers have more to do than the route allows to wait.
    const enough = new AbortController();
    const work = Array.from({ length: 24 }, async () => {
      while (!enough.signal.aborted) await client.infer(busy(20_000n)).catch(() => undefined);
    });
    const answers: string[] = [];
    while (!answers.some((text) => /^429 .*(deadline|late)/.test(text)) && answers.length < 600) {
      answers.push(...(await Promise.all(Array.from({ length: 6 }, ask))));
    }
    enough.abort();
    await Promise.all(work);
    assert.ok(answers.length < 600, [...new Set(answers)].join('\n'));
  });

  test('load that is shed ejects no server', async () => {
    const folder = resources.use(repository());
    const start = async (): Promise<RunningServer> =>
      resources.use(
        await startServer({
          repository: folder.path,
          args: ['--byte-budget', '4096'],
        }),
      );
    const servers = await Promise.all([start(), start()]);
    const grpc = servers.map(({ grpcAddress }) => grpcAddress);
    await using watched = await runEnvoy(meshConfig({ grpc }));
    using through = createClient({ address: watched.address });
    const large = row(...new Float32Array(4096));
    for (let call = 0; call < 40; call++) {
      await assert.rejects(through.infer(large), { code: 'resource_exhausted' });
    }
    await through.infer(row(1, 2));
    assert.equal(await watched.clusterStat('outlier_detection.ejections_enforced_total'), 0);
  });

  test('a server that answers UNAVAILABLE is ejected, so the watch is on', async () => {
    const unavailable = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' };
    const failing = createServer((_request, response) => {
      response.stream.respond(unavailable, { endStream: true });
    });
    resources.defer(() => void failing.close());
    failing.listen(0, '127.0.0.1');
    await once(failing, 'listening');
    const address = `127.0.0.1:${(failing.address() as AddressInfo).port}`;
    await using watched = await runEnvoy(meshConfig({ grpc: [address, address] }));
    using through = createClient({ address: watched.address });
    for (let call = 0; call < 10; call++)
      await assert.rejects(through.infer(row(1)), { code: 'unavailable' });
    await watched.until('outlier_detection.ejections_enforced_total', (value) => value > 0);
  });

  test('mutual TLS between Envoy and the servers, and nobody without a certificate', async () => {
    const folder = resources.use(repository());
    const file = (name: string): string => join(certificates, `${name}.pem`);
    const tls = ['--grpc-use-ssl', '--grpc-use-ssl-mutual', '--grpc-root-cert', file('authority')];
    const args = [...tls, '--grpc-server-cert', file('server'), '--grpc-server-key', file('server-key')];
    const start = async (): Promise<RunningServer> =>
      resources.use(await startServer({ repository: folder.path, args }));
    const servers = await Promise.all([start(), start()]);
    const grpc = servers.map(({ grpcAddress }) => grpcAddress);
    const own = { authority: file('authority'), cert: file('client'), key: file('client-key') };
    const strange = { ...own, cert: file('stranger'), key: file('stranger-key') };
    await using secure = await runEnvoy(meshConfig({ grpc, tls: own }));
    using through = createClient({ address: secure.address });
    for (let call = 0; call < 10; call++) {
      const answer = await through.infer(row(call));
      assert.deepEqual(answer.outputs[0]?.data, Float32Array.of(call));
    }
    await using stranger = await runEnvoy(meshConfig({ grpc, tls: strange }));
    using refused = createClient({ address: stranger.address });
    await assert.rejects(refused.infer(row(1)), { code: 'unavailable' });
  });
});

test(
  'deploy/envoy/inference.pb is what tools/deploy/write-transcoding.ts writes',
  { skip: python.skip },
  () => {
    const file = readFileSync(join(root, 'deploy', 'envoy', 'inference.pb'));
    assert.deepEqual(transcodingDescriptors(python.path), file);
  },
);
