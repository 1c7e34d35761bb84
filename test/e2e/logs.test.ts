import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { CallError, GrpcConnection } from '../support/grpc-connection.ts';
import { startServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const repository = join(import.meta.dirname, '..', '..', 'examples', 'models', 'iris');
const key = 'a-key-that-nobody-may-read-0123456789';
/** Values, and text in fields, that no line may repeat. */
const secretValue = 5.123_456_7;
const traceId = '0af7651916cd43dd8448eb211c80319c';

interface Line {
  readonly message?: string;
  readonly [name: string]: unknown;
}

function linesOf(output: string): readonly Line[] {
  return output.split('\n').map((line) => {
    const parsed: Line = JSON.parse(line);
    return parsed;
  });
}

function flower(data: readonly number[]): object {
  return {
    model_name: 'iris',
    id: 'r1',
    inputs: [
      { name: 'features', datatype: 'FP32', shape: [1, data.length], contents: { fp32_contents: data } },
    ],
  };
}

test(
  'the access log has a line for each request, and no line has a key, a header or a value',
  { timeout: 240_000 },
  async () => {
    using folder = new TemporaryFolder();
    const keys = folder.write('keys.yaml', `keys: [{ principal: shop, key: ${key} }]`);
    const server = await startServer({
      repository,
      args: ['--access-log', 'true', '--log-level', 'debug', '--api-keys-file', keys],
    });
    using connection = await GrpcConnection.open(server.grpcPort);
    const metadata = { authorization: `Bearer ${key}`, traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    await connection.call('ModelInfer', flower([secretValue, 3.5, 1.4, 0.2]), metadata);
    await assert.rejects(connection.call('ModelInfer', flower([secretValue]), metadata), CallError);
    await assert.rejects(
      connection.call('ModelInfer', flower([secretValue]), { authorization: `Bearer ${key}x` }),
      CallError,
    );
    const post = (body: string): Promise<Response> =>
      fetch(`http://${server.httpAddress}/v2/models/iris/infer`, {
        method: 'POST',
        headers: { 'x-api-key': key, authorization: `Bearer ${key}` },
        body,
      });
    await post(
      `{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[${secretValue},1,1,1]}]}`,
    );
    await post(`{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":["${secretValue}"]}]}`);
    await fetch(`http://${server.httpAddress}/v2/health/live`);
    await fetch(`http://${server.httpAddress}/v2/models/iris?key=${key}`);
    assert.equal(await server.stop(), 0);
    const output = server.output();
    assert.ok(!output.includes(key), 'a key is in the log');
    assert.ok(!output.includes('5.12345'), 'a value is in the log');
    // Of each front in the order of the requests: lines are written after answers, which other connections do not wait for.
    const inOrder = linesOf(output).toSorted((a, b) => String(a['front']).localeCompare(String(b['front'])));
    assert.deepEqual(
      inOrder
        .filter(({ message }) => message === 'request refused')
        .map(({ front, asked, reason }) => [front, asked, reason]),
      [
        ['grpc', '/inference.GRPCInferenceService/ModelInfer', 'API_KEY_INVALID'],
        ['http', '/v2/models/iris', 'API_KEY_MISSING'],
      ],
    );
    const requests = inOrder.filter(({ message }) => message === 'request');
    assert.deepEqual(
      requests.map(({ front, method, route, status, model, principal }) => [
        front,
        route ?? method,
        status,
        model,
        principal,
      ]),
      [
        ['grpc', 'inference.GRPCInferenceService/ModelInfer', 'OK', 'iris', 'shop'],
        ['grpc', 'inference.GRPCInferenceService/ModelInfer', 'INVALID_ARGUMENT', 'iris', 'shop'],
        ['http', '/v2/models/{model}/infer', 200, 'iris', 'shop'],
        ['http', '/v2/models/{model}/infer', 400, 'iris', 'shop'],
      ],
    );
    const [first] = requests;
    assert.equal(first?.['id'], 'r1');
    assert.equal(first?.['traceId'], traceId);
    assert.ok(Number(first?.['durationMs']) > 0);
  },
);

test('metrics for CloudWatch stand between the lines of the log', { timeout: 240_000 }, async () => {
  const server = await startServer({
    repository,
    args: ['--access-log', 'true', '--emf-interval-secs', '3600'],
  });
  using connection = await GrpcConnection.open(server.grpcPort);
  await connection.call('ModelInfer', flower([5.1, 3.5, 1.4, 0.2]));
  // What happened since the last lines is told at the end.
  assert.equal(await server.stop(), 0);
  const emf = linesOf(server.output()).filter((line) => line['_aws'] !== undefined);
  assert.deepEqual(
    emf.map((line) => [line['Model'], line['Requests']]),
    [['iris', 1]],
  );
});
