import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { models } from './support/models.ts';
import { Serving, transports } from './support/serving.ts';
import { tensor, tensorflowErrorCases, type TensorflowErrorCase } from './support/tensorflow-cases.ts';

type Message = Readonly<Record<string, unknown>>;
type Rpc = TensorflowErrorCase['rpc'];

const definitions = loadSync('tensorflow/serving.proto', {
  includeDirs: [join(import.meta.dirname, '..', '..', '..', 'proto')],
  keepCase: true,
  longs: String,
  enums: String,
  defaults: true,
});

function methodOf(rpc: Rpc): MethodDefinition<object, Message> {
  const service = rpc === 'GetModelStatus' ? 'ModelService' : 'PredictionService';
  const methods = definitions[`tensorflow.serving.${service}`] as Record<
    string,
    MethodDefinition<object, Message>
  >;
  const method = methods[rpc];
  assert.ok(method !== undefined);
  return method;
}

interface Outcome {
  readonly code: number;
  readonly details: string;
  readonly reply: Message;
}

function call(client: Client, rpc: Rpc, request: object): Promise<Outcome> {
  const { path, requestSerialize, responseDeserialize } = methodOf(rpc);
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      { deadline: Date.now() + 10_000 },
      (error: ServiceError | null, reply) =>
        resolve({ code: error?.code ?? 0, details: error?.details ?? '', reply: reply ?? {} }),
    );
  });
}

const { mlp, versions, text } = models;
assert.ok(mlp !== undefined && versions !== undefined && text !== undefined);

for (const transport of transports) {
  describe(`TensorFlow Serving's services over ${transport}`, () => {
    let serving: Serving;
    let client: Client;

    before(async () => {
      serving = await Serving.start(transport, { mlp, versions, text });
      client = new Client(serving.server.grpcAddress, credentials.createInsecure());
    });
    after(async () => {
      client.close();
      await serving[Symbol.asyncDispose]();
    });

    it('Predict: values and contents give the same answer, with the version that gave it', async () => {
      const data = Buffer.from(new Float32Array(16).fill(0.5).buffer);
      const model_spec = { name: 'versions', version: { value: 1 } };
      const typed = await call(client, 'Predict', { model_spec, inputs: { x: tensor } });
      const raw = await call(client, 'Predict', {
        model_spec,
        inputs: { x: { ...tensor, float_val: [], tensor_content: data } },
        output_filter: ['y'],
      });
      assert.equal(typed.details, '');
      assert.deepEqual(typed.reply, raw.reply);
      assert.partialDeepStrictEqual(typed.reply, {
        model_spec: { name: 'versions', version: { value: '1' }, signature_name: 'serving_default' },
        outputs: { y: { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: '1' }, { size: '4' }] } } },
      });
    });

    it('Predict: strings go in and out', async () => {
      const strings = { dtype: 'DT_STRING', tensor_shape: { dim: [{ size: 1 }, { size: 2 }] } };
      const { reply, details } = await call(client, 'Predict', {
        model_spec: { name: 'text' },
        inputs: { x: { ...strings, string_val: [Buffer.from('a'), Buffer.from('é')] } },
      });
      assert.equal(details, '');
      const { y } = reply['outputs'] as Readonly<Record<string, { readonly string_val: readonly Buffer[] }>>;
      assert.deepEqual(y?.string_val.map(String), ['a', 'é']);
    });

    it('GetModelMetadata: the signature of a model, inside of an Any', async () => {
      const request = { model_spec: { name: 'versions' }, metadata_field: ['signature_def'] };
      const { reply } = await call(client, 'GetModelMetadata', request);
      assert.partialDeepStrictEqual(reply, { model_spec: { name: 'versions', version: { value: '3' } } });
      const { signature_def: any } = reply['metadata'] as Readonly<Record<string, Message>>;
      assert.equal(any?.['type_url'], 'type.googleapis.com/tensorflow.serving.SignatureDefMap');
      const type = definitions['tensorflow.serving.SignatureDefMap'];
      assert.ok(type !== undefined && 'deserialize' in type && typeof type.deserialize === 'function');
      assert.partialDeepStrictEqual(type.deserialize(any['value'] as Buffer), {
        signature_def: {
          serving_default: {
            inputs: {
              x: { name: 'x', dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: '-1' }, { size: '16' }] } },
            },
            outputs: { y: { name: 'y', dtype: 'DT_FLOAT' } },
            method_name: 'tensorflow/serving/predict',
          },
        },
      });
    });

    it('GetModelStatus: the state of each version', async () => {
      const { reply } = await call(client, 'GetModelStatus', { model_spec: { name: 'versions' } });
      assert.partialDeepStrictEqual(reply, {
        model_version_status: [
          { version: '3', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } },
          { version: '1', state: 'AVAILABLE' },
        ],
      });
    });

    for (const { title, rpc, request, code, text: part } of tensorflowErrorCases) {
      it(`${rpc}: ${title} is refused`, async () => {
        const outcome = await call(client, rpc, request);
        assert.equal(outcome.code, code, outcome.details);
        assert.ok(outcome.details.includes(part), `${outcome.details}\ndoes not hold\n${part}`);
      });
    }
  });
}

describe('a server without the dialect tensorflow-serving', () => {
  it('does not know its services', async () => {
    await using serving = await Serving.start('h2', { mlp }, { server: { dialects: [] } });
    const client = new Client(serving.server.grpcAddress, credentials.createInsecure());
    const outcome = await call(client, 'GetModelStatus', { model_spec: { name: 'mlp' } });
    client.close();
    assert.equal(outcome.code, 12);
  });
});
