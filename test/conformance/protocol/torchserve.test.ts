import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { models } from './support/models.ts';
import { floats } from './support/requests.ts';
import { Serving, transports, type ServedModel } from './support/serving.ts';
import { stepModels } from './support/step-models.ts';

type Message = Readonly<Record<string, unknown>>;

const load = (file: string): PackageDefinition =>
  loadSync(`torchserve/${file}.proto`, {
    includeDirs: [join(import.meta.dirname, '..', '..', '..', 'proto')],
    keepCase: true,
    defaults: true,
  });
const inference = load('inference')['org.pytorch.serve.grpc.inference.InferenceAPIsService'];
const management = load('management')['org.pytorch.serve.grpc.management.ManagementAPIsService'];
assert.ok(inference !== undefined && management !== undefined);
const methods = { ...inference, ...management } as Readonly<
  Record<string, MethodDefinition<object, Message>>
>;

function methodOf(rpc: string): MethodDefinition<object, Message> {
  const method = methods[rpc];
  assert.ok(method !== undefined, rpc);
  return method;
}

interface Outcome {
  readonly code: number;
  readonly details: string;
  readonly reply: Message;
}

function call(client: Client, rpc: string, request: object): Promise<Outcome> {
  const { path, requestSerialize, responseDeserialize } = methodOf(rpc);
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      (error: ServiceError | null, reply) =>
        resolve({ code: error?.code ?? 0, details: error?.details ?? '', reply: reply ?? {} }),
    );
  });
}

/** The JSON of each answer, and the status. */
function stream(client: Client, request: object): Promise<readonly unknown[]> {
  const { path, requestSerialize, responseDeserialize } = methodOf('StreamPredictions');
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
  const told: unknown[] = [];
  return new Promise((resolve) => {
    call.on('data', (message: Message) => told.push(jsonOf(message['prediction'])));
    call.on('error', (error: ServiceError) => resolve([...told, error.details]));
    call.on('end', () => resolve(told));
  });
}

function jsonOf(bytes: unknown): unknown {
  assert.ok(Buffer.isBuffer(bytes));
  return JSON.parse(bytes.toString());
}

const served: Readonly<Record<string, ServedModel>> = {
  ...Object.fromEntries(
    ['mlp', 'pair', 'text', 'asleep'].map((name) => {
      const model = models[name];
      assert.ok(model !== undefined);
      return [name, model];
    }),
  ),
  ...stepModels,
};
const loaded = Object.keys(served).filter((name) => name !== 'asleep');
const row = (text: string): Readonly<Record<string, Buffer>> => ({ data: Buffer.from(text) });

for (const transport of transports) {
  describe(`TorchServe's services over ${transport}`, () => {
    let serving: Serving;
    let client: Client;

    before(async () => {
      serving = await Serving.start(transport, served, {
        models: { controlMode: 'explicit', load: loaded },
        server: { dialects: ['torchserve'] },
      });
      client = new Client(serving.server.grpcAddress, credentials.createInsecure());
    });
    after(async () => {
      client.close();
      await serving[Symbol.asyncDispose]();
    });

    const predict = (model_name: string, input: object, more: object = {}) =>
      call(client, 'Predictions', { model_name, input, ...more });

    it('Ping tells health', async () => {
      const { reply } = await call(client, 'Ping', {});
      assert.deepEqual(JSON.parse(String(reply['health'])), { status: 'Healthy' });
    });

    it('Predictions: JSON and bytes of a row give the same answer, with and without a version', async () => {
      const zeros = JSON.stringify(Array.from({ length: 16 }, () => 0.5));
      const answers = await Promise.all([
        predict('mlp', row(zeros)),
        predict('mlp', { x: Buffer.from(new Float32Array(16).fill(0.5).buffer) }),
        predict('mlp', row(zeros), { model_version: '1.0' }),
      ]);
      const [first, ...others] = answers.map(({ details, reply }) => {
        assert.equal(details, '');
        return jsonOf(reply['prediction']);
      });
      assert.ok(Array.isArray(first) && first.length === 4);
      for (const other of others) assert.deepEqual(other, first);
    });

    it('Predictions: inputs by name, and several outputs', async () => {
      const input = { a: Buffer.from('[1,2]'), b: floats(10, 20) };
      const { reply } = await predict('pair', input);
      assert.deepEqual(jsonOf(reply['prediction']), { sum: [11, 22], difference: [-9, -18] });
    });

    for (const [title, model, input, code, part] of [
      ['an unknown model', 'nobody', row('[1]'), status.NOT_FOUND, "unknown model: 'nobody'"],
      ['a row of another shape', 'mlp', row('[1,2]'), status.INVALID_ARGUMENT, 'unexpected shape'],
      ['what is neither JSON nor a row', 'mlp', row('abc'), status.INVALID_ARGUMENT, 'expected a number'],
      ['a name that no input has', 'mlp', { z: Buffer.alloc(64) }, status.INVALID_ARGUMENT, "no input 'z'"],
      ['one part for two inputs', 'pair', row('[1,2]'), status.INVALID_ARGUMENT, '2 inputs, not one'],
    ] as const) {
      it(`Predictions: ${title} is refused`, async () => {
        const outcome = await predict(model, input);
        assert.equal(outcome.code, code, outcome.details);
        assert.ok(outcome.details.includes(part), outcome.details);
      });
    }

    it('StreamPredictions: one answer, or each of a model of many steps, or a status', async () => {
      const steps = { left: Buffer.from('[3]'), by: Buffer.from('[1]') };
      assert.deepEqual(await stream(client, { model_name: 'count', input: steps }), [[2], [1], [0]]);
      const once = await stream(client, { model_name: 'pair', input: { a: floats(1, 2), b: floats(3, 4) } });
      assert.deepEqual(once, [{ sum: [4, 6], difference: [-2, -2] }]);
      const [refused] = await stream(client, { model_name: 'nobody', input: {} });
      assert.match(String(refused), /nobody/);
    });

    it('models are listed in pages and described', async () => {
      const listed = await call(client, 'ListModels', { limit: 1 });
      assert.equal(JSON.parse(String(listed.reply['msg'])).nextPageToken, '1');
      const { reply } = await call(client, 'DescribeModel', { model_name: 'mlp' });
      const [{ modelName, minWorkers }] = JSON.parse(String(reply['msg']));
      assert.deepEqual([modelName, minWorkers], ['mlp', 1]);
    });

    it('a model is registered, scaled and unregistered', async () => {
      const message = async (rpc: string, request: object): Promise<string> => {
        const { details, reply } = await call(client, rpc, request);
        return details || String(reply['msg']);
      };
      const registered = await message('RegisterModel', { url: 'asleep', initial_workers: 2 });
      assert.equal(registered, 'Model "asleep" Version: 1 registered with 2 initial workers');
      assert.match(await message('RegisterModel', { url: 'asleep' }), /already registered/);
      assert.match(await message('RegisterModel', { url: 'x', batch_size: 8 }), /'batch_size'/);
      const scaled = await message('ScaleWorker', { model_name: 'asleep', min_worker: 1 });
      assert.equal(scaled, 'Workers scaled to 1 for model: asleep');
      const gone = { model_name: 'asleep', model_version: '1.0' };
      assert.equal(await message('UnregisterModel', gone), 'Model "asleep" unregistered');
      assert.match(await message('UnregisterModel', gone), /Model not found/);
    });
  });
}

describe('a server without the dialect torchserve', () => {
  it('does not know its services', async () => {
    const { mlp } = models;
    assert.ok(mlp !== undefined);
    await using serving = await Serving.start('h2', { mlp }, { server: { dialects: [] } });
    const client = new Client(serving.server.grpcAddress, credentials.createInsecure());
    const outcome = await call(client, 'Ping', {});
    client.close();
    assert.equal(outcome.code, status.UNIMPLEMENTED);
  });
});
