/**
 * What a request of 3x64x64 floats with 7 digits costs the server's thread over HTTP/1.1 as JSON and as binary tensors, both
 * ways, and over gRPC; one connection each, one request at a time. The model is the identity, so that all of it is the front's.
 *
 * Run: node native-bench/json-cost.ts [requests]
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Agent, request } from 'node:http';
import { connect, type ClientHttp2Session } from 'node:http2';
import { resolveOptions } from '../src/config/load.ts';
import { createLogger } from '../src/observability/log.ts';
import { createServer } from '../src/server.ts';
import { framed, inferPath, inferRequest } from '../test/support/raw-infer.ts';

const requests = Number(process.argv[2] ?? 300);
const rounds = 5;
const count = 3 * 64 * 64;
const httpForms = ['json', 'binary'] as const;
const forms = [...httpForms, 'grpc'] as const;

interface Body {
  readonly bytes: Uint8Array;
  readonly headers: Readonly<Record<string, string | number>>;
}

function bodyOf(form: string): Body {
  const floats = Float32Array.from({ length: count }, () => Number(Math.random().toFixed(7)));
  const input = { name: 'x', datatype: 'FP32', shape: [1, count] };
  if (form === 'json') {
    const data = Array.from(floats, (value) => Number(value.toFixed(7)));
    return { bytes: Buffer.from(JSON.stringify({ inputs: [{ ...input, data }] })), headers: {} };
  }
  const parameters = { binary_data_size: floats.byteLength };
  const head = Buffer.from(
    JSON.stringify({ inputs: [{ ...input, parameters }], parameters: { binary_data_output: true } }),
  );
  const bytes = Buffer.concat([head, new Uint8Array(floats.buffer)]);
  return { bytes, headers: { 'Inference-Header-Content-Length': head.length } };
}

function post(address: string, agent: Agent, { bytes, headers }: Body): Promise<void> {
  return new Promise((resolve, reject) => {
    const path = `http://${address}/v2/models/identity/infer`;
    const all = { ...headers, 'Content-Length': bytes.length };
    const call = request(path, { method: 'POST', agent, headers: all }, (reply) => {
      if (reply.statusCode !== 200) reject(new Error(`status ${reply.statusCode}`));
      reply.resume().on('end', resolve);
    });
    call.on('error', reject).end(bytes);
  });
}

/** An answer's message follows its head; errors have none. */
function call(session: ClientHttp2Session, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let size = 0;
    const stream = session.request({
      ':method': 'POST',
      ':path': inferPath,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('data', (piece: Buffer) => (size += piece.length));
    stream.on('error', reject);
    stream.on('end', () => (size > 4 * count ? resolve() : reject(new Error('no answer'))));
    stream.end(message);
  });
}

interface Addresses {
  readonly http: string;
  readonly grpc: string;
}

/** The client: sends `requests` of the form that it is told, and says when the last was answered. */
function runClient({ http: address, grpc }: Addresses): void {
  const session = connect(`http://${grpc}`);
  const message = framed(inferRequest({ model: 'identity', input: 'x', dims: [count] }));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const bodies = new Map(httpForms.map((form) => [form as string, bodyOf(form)]));
  parentPort?.on('message', (form: string) => {
    void (async () => {
      const body = bodies.get(form);
      for (let sent = 0; sent < requests; sent++)
        await (body === undefined ? call(session, message) : post(address, agent, body));
      parentPort?.postMessage('done', []);
    })();
  });
}

async function measure(): Promise<void> {
  const repository = mkdtempSync(join(tmpdir(), 'tensorgate-json-cost-'));
  const folder = join(repository, 'identity', '1');
  mkdirSync(folder, { recursive: true });
  const fixture = join(import.meta.dirname, '..', 'test', 'fixtures', 'models', 'identity_fp32.onnx');
  copyFileSync(fixture, join(folder, 'model.onnx'));
  const server = await createServer(
    resolveOptions({
      models: { repositories: [repository] },
      grpc: { port: 0 },
      http: { port: 0 },
      metrics: { enabled: false },
      admin: { address: 'off' },
    }),
    { logger: createLogger({ level: 'silent', format: 'json' }) },
  );
  const client = new Worker(import.meta.filename, {
    workerData: { http: server.httpAddress, grpc: server.grpcAddress },
    argv: [String(requests)],
  });
  const best = { json: Infinity, binary: Infinity, grpc: Infinity };
  for (let round = 0; round <= rounds; round++) {
    for (const form of forms) {
      const before = process.threadCpuUsage();
      client.postMessage(form, []);
      await once(client, 'message');
      const { user, system } = process.threadCpuUsage(before);
      // The first round warms up.
      if (round > 0) best[form] = Math.min(best[form], (user + system) / requests);
    }
  }
  await client.terminate();
  await server.stop();
  rmSync(repository, { recursive: true });
  const times = (form: (typeof forms)[number]): string => (best[form] / best.binary).toFixed(2);
  console.log(
    `of CPU a request: binary HTTP ${best.binary.toFixed(0)} µs, JSON ${best.json.toFixed(0)} µs (${times('json')} times), ` +
      `gRPC ${best.grpc.toFixed(0)} µs (${times('grpc')} times)`,
  );
}

if (isMainThread) await measure();
else runClient(workerData as Addresses);
