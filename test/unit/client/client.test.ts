import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { Metadata, ServerCredentials, status } from '@grpc/grpc-js';
import { createClient, type Client } from '../../../src/client/client.ts';
import { texts } from '../../../src/client/infer-messages.ts';
import { ServingError } from '../../../src/errors.ts';
import { FakeInferenceServer, FakeStatus } from '../../support/fake-inference-server.ts';

const echo = {
  ModelInfer: (request: Record<string, unknown>) => ({
    model_name: request['model_name'],
    model_version: '3',
    id: request['id'],
    outputs: request['inputs'],
    raw_output_contents: request['raw_input_contents'],
    parameters: request['parameters'],
  }),
};

async function withServer(
  answers: Parameters<typeof FakeInferenceServer.start>[0],
  use: (client: Client, server: FakeInferenceServer) => Promise<void>,
): Promise<void> {
  await using server = await FakeInferenceServer.start(answers);
  using client = createClient({ address: server.address });
  await use(client, server);
}

async function failure(call: Promise<unknown>): Promise<ServingError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof ServingError);
    return error;
  }
  return assert.fail('the call succeeded');
}

test('tensors of every kind go out raw and come back as they were', async () => {
  await withServer(echo, async (client, server) => {
    const answer = await client.infer({
      model: 'm',
      id: 'x',
      inputs: [
        { name: 'a', shape: [2, 1], data: Float32Array.of(1, 2) },
        { name: 'b', data: ['hello', 'wörld'] },
        { name: 'c', datatype: 'INT64', data: [1, 2n ** 62n] },
        { name: 'd', data: Float16Array.of(0.5) },
      ],
    });
    const [a, b, c, d] = answer.outputs;
    assert.deepEqual(a, { name: 'a', datatype: 'FP32', shape: [2, 1], data: Float32Array.of(1, 2) });
    assert.deepEqual(b === undefined ? [] : texts(b), ['hello', 'wörld']);
    assert.deepEqual(c?.data, BigInt64Array.of(1n, 2n ** 62n));
    assert.deepEqual(d, { name: 'd', datatype: 'FP16', shape: [1], data: Float16Array.of(0.5) });
    assert.deepEqual([answer.model, answer.version, answer.id], ['m', '3', 'x']);
    const sent = server.seen[0]?.request['inputs'] as { contents: unknown }[] | undefined;
    assert.equal(sent?.[0]?.contents, null);
  });
});

test('parameters keep their type both ways', async () => {
  await withServer(echo, async (client) => {
    const parameters = { flag: true, priority: 2, ratio: 0.5, wide: 2n ** 60n, word: 'x' };
    const answer = await client.infer({
      model: 'm',
      inputs: [{ name: 'a', data: Int8Array.of(1) }],
      parameters,
    });
    assert.deepEqual({ ...answer.parameters }, parameters);
  });
});

test('wanted outputs and classifications are named in the request', async () => {
  await withServer(echo, async (client, server) => {
    const outputs = ['plain', { name: 'ranked', classification: 3 }];
    await client.infer({ model: 'm', version: '7', inputs: [], outputs });
    const request = server.seen[0]?.request ?? {};
    assert.equal(request['model_version'], '7');
    const [plain, ranked] = request['outputs'] as {
      name: string;
      parameters: Record<string, { int64_param?: string }>;
    }[];
    assert.deepEqual(plain, { name: 'plain', parameters: {} });
    assert.equal(ranked?.parameters['classification']?.int64_param, '3');
  });
});

test('replies with typed contents are understood too', async () => {
  const typed = {
    ModelInfer: () => ({
      model_name: 'm',
      outputs: [
        { name: 'f', datatype: 'FP32', shape: [2], contents: { fp32_contents: [1, 2] } },
        { name: 'l', datatype: 'INT64', shape: [1], contents: { int64_contents: ['9007199254740993'] } },
        { name: 's', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [Buffer.from('x')] } },
      ],
    }),
  };
  await withServer(typed, async (client) => {
    const { outputs } = await client.infer({ model: 'm', inputs: [] });
    assert.deepEqual(outputs[0]?.data, Float32Array.of(1, 2));
    assert.deepEqual(outputs[1]?.data, BigInt64Array.of(9007199254740993n));
    assert.deepEqual(outputs[2] === undefined ? [] : texts(outputs[2]), ['x']);
  });
});

test('a plain array without a datatype is refused before anything is sent', async () => {
  await withServer(echo, async (client, server) => {
    const error = await failure(client.infer({ model: 'm', inputs: [{ name: 'a', data: [1, 2] }] }));
    assert.equal(error.code, 'invalid_argument');
    assert.equal(server.seen.length, 0);
  });
});

test('the API key travels as a bearer token', async () => {
  let seen: unknown[] = [];
  const answers = {
    ServerReady: (_request: object, metadata: Metadata) => {
      seen = metadata.get('authorization');
      return { ready: true };
    },
  };
  await using server = await FakeInferenceServer.start(answers);
  using client = createClient({ address: server.address, apiKey: 'k' });
  assert.equal(await client.ready(), true);
  assert.deepEqual(seen, ['Bearer k']);
});

test("failures carry the server's code, text and push-back", async () => {
  const answers = {
    ModelMetadata: () => {
      throw new FakeStatus(status.NOT_FOUND, "Request for unknown model: 'm' is not found");
    },
    ModelInfer: () => {
      const error = new FakeStatus(status.RESOURCE_EXHAUSTED, 'queue is full');
      const metadata = new Metadata();
      metadata.set('grpc-retry-pushback-ms', '250');
      throw Object.assign(error, { metadata });
    },
  };
  await withServer(answers, async (client) => {
    const unknown = await failure(client.metadata('m'));
    assert.deepEqual(
      [unknown.code, unknown.message],
      ['not_found', "Request for unknown model: 'm' is not found"],
    );
    const full = await failure(client.infer({ model: 'm', inputs: [] }));
    assert.deepEqual([full.code, full.retryAfterMs], ['resource_exhausted', 250]);
  });
});

test('reads about the server and its models come back typed', async () => {
  const answers = {
    ServerMetadata: () => ({ name: 'triton', version: '1', extensions: ['classification'] }),
    ModelReady: (request: Record<string, unknown>) => ({ ready: request['version'] === '2' }),
    ModelMetadata: () => ({
      name: 'm',
      versions: ['1', '2'],
      platform: 'onnx',
      inputs: [{ name: 'a', datatype: 'FP32', shape: [-1, 4] }],
    }),
    ModelStatistics: () => ({
      model_stats: [
        { name: 'm', version: '2', inference_count: 5, inference_stats: { success: { count: 3, ns: 9 } } },
      ],
    }),
    RepositoryIndex: () => ({ models: [{ name: 'm', version: '2', state: 'READY' }, { name: 'n' }] }),
    ModelConfig: () => ({ config: { name: 'm', max_batch_size: 8 } }),
  };
  await withServer(answers, async (client) => {
    assert.deepEqual(await client.server(), { name: 'triton', version: '1', extensions: ['classification'] });
    assert.deepEqual([await client.modelReady('m', '2'), await client.modelReady('m')], [true, false]);
    const metadata = await client.metadata('m');
    assert.deepEqual(metadata.inputs, [{ name: 'a', datatype: 'FP32', shape: [-1, 4] }]);
    const [counters] = await client.statistics('m');
    assert.deepEqual([counters?.inferenceCount, counters?.success], [5, { count: 3, ns: 9 }]);
    assert.deepEqual(await client.index(), [
      { name: 'm', version: '2', state: 'READY', reason: '' },
      { name: 'n', version: '', state: '', reason: '' },
    ]);
    assert.equal((await client.config('m'))['max_batch_size'], 8);
  });
});

test('loading sends configuration and files as parameters, unloading says what of dependents', async () => {
  const answers = { RepositoryModelLoad: () => ({}), RepositoryModelUnload: () => ({}) };
  await withServer(answers, async (client, server) => {
    await client.load('m', { config: '{}', files: new Map([['1/model.onnx', Uint8Array.of(7)]]) });
    await client.unload('m', 'unload');
    const [load, unload] = server.seen.map(
      ({ request }) => request['parameters'] as Record<string, Record<string, unknown>>,
    );
    assert.equal(load?.['config']?.['string_param'], '{}');
    assert.deepEqual(load?.['file:1/model.onnx']?.['bytes_param'], Buffer.of(7));
    assert.equal(unload?.['unload_dependents']?.['bool_param'], true);
  });
});

test('a stream answers in order and ends after the last request', async () => {
  const answers = {
    ModelStreamInfer: (request: Record<string, unknown>) =>
      request['model_name'] === 'bad'
        ? { error_message: 'no such model', infer_response: { id: request['id'] } }
        : { infer_response: echo.ModelInfer(request) },
  };
  await withServer(answers, async (client) => {
    await using stream = client.stream();
    await stream.send({ model: 'm', id: '1', inputs: [{ name: 'a', data: Uint8Array.of(1) }] });
    await stream.send({ model: 'bad', id: '2', inputs: [] });
    stream.end();
    const replies = [];
    for await (const reply of stream.replies) replies.push(reply);
    assert.equal(replies.length, 2);
    const [answered, refused] = replies;
    assert.equal(answered?.kind === 'answer' && answered.answer.id, '1');
    assert.deepEqual(refused, { kind: 'error', id: '2', message: 'no such model' });
  });
});

test('disposing a stream cancels what still runs', async () => {
  await withServer({}, async (client) => {
    const stream = client.stream();
    await stream[Symbol.asyncDispose]();
    assert.equal((await failure(stream.send({ model: 'm', inputs: [] }))).code, 'cancelled');
  });
});

test('an aborted call is cancelled, also before it is sent', async () => {
  await withServer(echo, async (client) => {
    const call = client.infer({ model: 'm', inputs: [] }, { signal: AbortSignal.abort() });
    assert.equal((await failure(call)).code, 'cancelled');
    const controller = new AbortController();
    const running = client.ready({ signal: controller.signal });
    controller.abort();
    assert.equal((await failure(running)).code, 'cancelled');
  });
});

test('a time limit reaches the server and ends the call', async () => {
  await withServer(echo, async (client) => {
    assert.equal((await failure(client.ready({ timeoutMs: 0 }))).code, 'deadline_exceeded');
  });
});

test('no server is unavailable', async () => {
  const server = await FakeInferenceServer.start();
  await server[Symbol.asyncDispose]();
  using client = createClient({ address: server.address });
  assert.equal((await failure(client.live())).code, 'unavailable');
});

function pem(name: string): Buffer {
  return readFileSync(new URL(`../../fixtures/tls/${name}.pem`, import.meta.url));
}

test('TLS reaches a server by its IP address, when the certificate is for it', async () => {
  await using server = await FakeInferenceServer.start({ ServerReady: () => ({ ready: true }) }, ownSecret());
  using client = createClient({ address: server.address, tls: { ca: pem('authority') } });
  assert.equal(await client.ready(), true);
});

/** macOS has no second loopback address. */
const onlyOneAddress = process.platform === 'darwin' && 'needs 127.0.0.2';

test('TLS does not trust a certificate for another IP address', { skip: onlyOneAddress }, async () => {
  await using server = await FakeInferenceServer.start({}, ownSecret());
  const port = Number(server.address.split(':')[1]);
  const elsewhere = createServer((socket) => {
    const onward = connect(port, '127.0.0.1');
    socket.pipe(onward).pipe(socket);
    for (const end of [socket, onward]) end.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => void elsewhere.listen(0, '127.0.0.2', resolve));
  const bound = elsewhere.address();
  assert.ok(typeof bound === 'object' && bound !== null);
  using client = createClient({ address: `127.0.0.2:${bound.port}`, tls: { ca: pem('authority') } });
  const refused = await failure(client.ready({ timeoutMs: 5000 }));
  elsewhere.close();
  assert.match(refused.message, /IP: 127\.0\.0\.2 is not in the cert's list/);
});

function ownSecret(): ServerCredentials {
  return ServerCredentials.createSsl(null, [{ private_key: pem('server-key'), cert_chain: pem('server') }]);
}
