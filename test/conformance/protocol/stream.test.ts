import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { status, type ServiceError } from '@grpc/grpc-js';
import { loadedModels, models } from './support/models.ts';
import type { CallExtras, Message } from './support/protocol-client.ts';
import { floats, mlp, one, rowsOf } from './support/requests.ts';
import { Serving, transports } from './support/serving.ts';

interface StreamOutcome {
  readonly code: number;
  readonly details: string;
  readonly messages: readonly Message[];
}

const wrong = one('mlp', { datatype: 'FP32', shape: [1, 8] }, rowsOf(1));

function responseOf(message: Message | undefined): Message {
  return (message?.['infer_response'] ?? {}) as Message;
}

for (const transport of transports) {
  describe(`ModelStreamInfer on ${transport}`, () => {
    let serving: Serving;

    const converse = (requests: readonly object[], extras: CallExtras = {}): Promise<StreamOutcome> =>
      new Promise((resolve) => {
        const stream = serving.client.stream(extras);
        const messages: Message[] = [];
        stream.on('data', (message: Message) => messages.push(message));
        stream.on('error', (_error: ServiceError) => {});
        stream.on('status', ({ code, details }) => setImmediate(() => resolve({ code, details, messages })));
        for (const request of requests) stream.write(request);
        stream.end();
      });

    before(async () => {
      serving = await Serving.start(transport, models, {
        models: { controlMode: 'explicit', load: loadedModels },
      });
    });
    after(() => serving[Symbol.asyncDispose]());

    it('1.5: answers come in the order of the requests, also of different models, each flagged as final', async () => {
      const requests = Array.from({ length: 40 }, (_, i) =>
        i % 2 === 0
          ? mlp({ id: `${i}`, raw_input_contents: [rowsOf(1, i)] })
          : { ...one('floats', { datatype: 'FP32', shape: [1, 1] }, floats(i)), id: `${i}` },
      );
      const { code, messages } = await converse(requests);
      assert.equal(code, status.OK);
      assert.deepEqual(
        messages.map((message) => responseOf(message)['id']),
        requests.map((_, i) => `${i}`),
      );
      for (const message of messages) {
        assert.equal(message['error_message'], '');
        const parameters = responseOf(message)['parameters'] as Record<string, { bool_param?: boolean }>;
        assert.equal(parameters['triton_final_response']?.bool_param, true);
      }
    });

    it('1.5: an error is answered in its place with the id, and the stream goes on', async () => {
      const { code, messages } = await converse([mlp({ id: 'a' }), { ...wrong, id: 'b' }, mlp({ id: 'c' })]);
      assert.equal(code, status.OK);
      assert.equal(messages.length, 3);
      assert.match(String(messages[1]?.['error_message']), /^unexpected shape for input 'x' for model 'mlp'/);
      assert.deepEqual(
        messages.map((message) => responseOf(message)['id']),
        ['a', 'b', 'c'],
      );
    });

    it('1.5: with triton_grpc_error the first error ends the stream with its status', async () => {
      const { code, details, messages } = await converse([mlp({ id: 'a' }), wrong, mlp({ id: 'c' })], {
        metadata: { triton_grpc_error: 'true' },
      });
      assert.equal(status[code], 'INVALID_ARGUMENT');
      assert.match(details, /^unexpected shape for input 'x' for model 'mlp'/);
      assert.equal(messages.length, 1);
    });

    it('1.5: a decoupled model, which ModelInfer refuses, is served', async () => {
      const { code, messages } = await converse([mlp({ model_name: 'decoupled', id: 'd' })]);
      assert.equal(code, status.OK);
      assert.equal(messages[0]?.['error_message'], '');
      assert.equal(responseOf(messages[0])['model_name'], 'decoupled');
    });

    it('1.5: a stream without requests ends OK without answers', async () => {
      const { code, messages } = await converse([]);
      assert.equal(code, status.OK);
      assert.deepEqual(messages, []);
    });
  });
}
