import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { createClient, type Client } from '../../src/client/client.ts';
import type { InferAnswer, InputTensor } from '../../src/client/types.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { findRealModel } from '../support/tools.ts';

function parameter(key: string, value: string): string {
  return `parameters { key: "${key}" value: { string_value: "${value}" } }\n`;
}

const minilm =
  parameter('pad.input_ids', 'axis=1 mask=attention_mask') +
  parameter('pad.token_type_ids', 'axis=1 with=input_ids') +
  parameter('unpad.last_hidden_state', 'axis=1 with=input_ids');

const ragged = `
max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true }
batch_input { kind: BATCH_ELEMENT_COUNT target_name: "counts" data_type: TYPE_FP32 source_input: "x" }
batch_input { kind: BATCH_ACCUMULATED_ELEMENT_COUNT target_name: "accumulated" data_type: TYPE_INT32 source_input: "x" }
batch_input { kind: BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO target_name: "bounds" data_type: TYPE_INT32 source_input: "x" }
batch_input { kind: BATCH_MAX_ELEMENT_COUNT_AS_SHAPE target_name: "widest" data_type: TYPE_FP32 source_input: "x" }
batch_input { kind: BATCH_ITEM_SHAPE target_name: "items" data_type: TYPE_INT32 source_input: "x" }
batch_input { kind: BATCH_ITEM_SHAPE_FLATTEN target_name: "flat_items" data_type: TYPE_INT32 source_input: "x" }
batch_output { kind: BATCH_SCATTER_WITH_INPUT_SHAPE target_name: "doubled" source_input: "x" }
output { name: "doubled" data_type: TYPE_FP32 dims: [ -1 ] }
output { name: "sum" data_type: TYPE_FP32 dims: [ 1 ] }
output { name: "count" data_type: TYPE_FP32 dims: [ 1 ] }
output { name: "accumulated_off" data_type: TYPE_FP32 dims: [ 1 ] }
output { name: "widest_off" data_type: TYPE_FP32 dims: [ 1 ] }
output { name: "item" data_type: TYPE_FP32 dims: [ 1 ] }
output { name: "flat_item" data_type: TYPE_FP32 dims: [ 1 ] }
dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 5000000 }
`;

/** Company is waited for, so that what is sent together runs together. */
const waits =
  'max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 5000000 }';
const padX = parameter('pad.x', 'axis=1 buckets=8,64') + parameter('unpad.y', 'axis=1 with=x');

function numbers(answer: InferAnswer | undefined, name: string): readonly number[] {
  const output = answer?.outputs.find((one) => one.name === name);
  assert.ok(output?.data instanceof Float32Array, `there is no output ${name}`);
  return Array.from(output.data);
}

function floats(size: number, first: number): InputTensor {
  return {
    name: 'x',
    shape: [1, size],
    data: Float32Array.from({ length: size }, (_, index) => first + index),
  };
}

function mask(size: number): InputTensor {
  return { name: 'mask', shape: [1, size], data: new BigInt64Array(size).fill(1n) };
}

describe('requests of different sizes in one batch', { timeout: 240_000 }, () => {
  const folder = new RepositoryFolder();
  const real = findRealModel('minilm.onnx');
  let server: RunningServer;
  let client: Client;
  before(async () => {
    const put = (model: string, file: string, config: string): void => {
      folder.put(`${model}/1/model.onnx`, readFileSync(file));
      folder.put(`${model}/config.pbtxt`, config);
    };
    put(
      'masked',
      fixtureModel('less_masked_mean'),
      waits + parameter('pad.x', 'axis=1 mask=mask buckets=8,64') + parameter('unpad.y', 'axis=1 with=x'),
    );
    put('unmasked', fixtureModel('less_mean'), `max_batch_size: 8 dynamic_batching { }${padX}`);
    put('ragged', fixtureModel('ragged'), ragged);
    if (real.skip === false) {
      put('minilm', real.path, minilm);
      put('minilm_plain', real.path, '');
    }
    server = await startServer({ repository: folder.path });
    client = createClient({ address: server.grpcAddress });
  });
  after(async () => {
    client[Symbol.dispose]();
    folder[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
  });

  /** Rows of the batches that a model has run since it serves, with how often each. */
  async function batches(model: string): Promise<readonly string[]> {
    const [statistics] = await client.statistics(model);
    return (statistics?.batches ?? []).map(
      ({ batchSize, computeInfer }) => `${batchSize}x${computeInfer.count}`,
    );
  }

  test('padded requests share a batch, and get what they would get alone', async () => {
    const sizes = [5, 8, 6, 7];
    const answers = await Promise.all(
      sizes.map((size, index) =>
        client.infer({ model: 'masked', inputs: [floats(size, index * 10), mask(size)] }),
      ),
    );
    for (const [index, size] of sizes.entries()) {
      const mean = index * 10 + (size - 1) / 2;
      const wanted = Array.from({ length: size }, (_, at) => index * 10 + at - mean);
      assert.deepEqual(numbers(answers[index], 'y'), wanted);
    }
    assert.deepEqual(await batches('masked'), ['4x1']);
  });

  test('a model that padding changes is served without, and the log says why', async () => {
    const answers = await Promise.all(
      [3, 5, 4].map((size) => client.infer({ model: 'unmasked', inputs: [floats(size, 0)] })),
    );
    assert.deepEqual(numbers(answers[0], 'y'), [-1, 0, 1]);
    assert.deepEqual(numbers(answers[1], 'y'), [-2, -1, 0, 1, 2]);
    await server.printed(/requests of this model are not padded/);
    await server.printed(/"model":"unmasked"[^\n]*output 'y' depends on/);
  });

  test('a ragged model gets every kind of batch input, and its outputs go back in the shapes of the requests', async () => {
    const sizes = [3, 1, 5, 2];
    const answers = await Promise.all(
      sizes.map((size, index) => client.infer({ model: 'ragged', inputs: [floats(size, index * 10)] })),
    );
    assert.deepEqual(await batches('ragged'), ['4x1']);
    for (const [index, size] of sizes.entries()) {
      const own = Array.from({ length: size }, (_, at) => index * 10 + at);
      const answer = answers[index];
      assert.deepEqual(
        numbers(answer, 'doubled'),
        own.map((value) => 2 * value),
      );
      assert.deepEqual(answer?.outputs.find(({ name }) => name === 'doubled')?.shape, [1, size]);
      assert.deepEqual(numbers(answer, 'sum'), [own.reduce((sum, value) => sum + value, 0)]);
      for (const name of ['count', 'item', 'flat_item'])
        assert.deepEqual(numbers(answer, name), [size], name);
      for (const name of ['accumulated_off', 'widest_off'])
        assert.deepEqual(numbers(answer, name), [0], name);
    }
  });

  test('the configuration of a ragged model reaches clients, and its metadata has only what they send', async () => {
    const config = await client.config('ragged');
    assert.ok(Array.isArray(config['batch_input']) && config['batch_input'].length === 6);
    const { inputs } = await client.metadata('ragged');
    assert.deepEqual(
      inputs.map(({ name }) => name),
      ['x'],
    );
  });

  test(
    'sentences of different lengths get the unpadded results within 1e-5',
    { skip: real.skip },
    async () => {
      const lengths = Array.from({ length: 48 }, (_, index) => 3 + ((index * 37) % 62));
      const inputs = lengths.map((length, index) => sentence(length, index));
      const alone: InferAnswer[] = [];
      for (const each of inputs) alone.push(await client.infer({ model: 'minilm_plain', inputs: each }));
      const clients = Array.from({ length: 8 }, () => createClient({ address: server.grpcAddress }));
      try {
        const together = await Promise.all(
          inputs.map((each, index) =>
            (clients[index % 8] ?? client).infer({ model: 'minilm', inputs: each }),
          ),
        );
        for (const [index, length] of lengths.entries()) {
          assert.deepEqual(together[index]?.outputs[0]?.shape, [1, length, 384]);
          const left = numbers(together[index], 'last_hidden_state');
          const right = numbers(alone[index], 'last_hidden_state');
          for (const [at, value] of left.entries()) {
            const wanted = right[at] ?? Number.NaN;
            assert.ok(
              Math.abs(value - wanted) <= 1e-5 * Math.max(1, Math.abs(wanted)),
              `${value} is not ${wanted}`,
            );
          }
        }
        const shared = (await batches('minilm')).filter((batch) => !batch.startsWith('1x'));
        assert.ok(shared.length > 0, 'some of them shared a batch');
      } finally {
        for (const each of clients) each[Symbol.dispose]();
      }
    },
  );
});

/** Made-up token ids, between those that begin and end a sentence. */
function sentence(length: number, seed: number): readonly InputTensor[] {
  const ids = BigInt64Array.from({ length }, (_, index) =>
    BigInt(1_000 + ((seed * 7_919 + index * 104_729) % 20_000)),
  );
  ids[0] = 101n;
  ids[length - 1] = 102n;
  const shape = [1, length];
  return [
    { name: 'input_ids', shape, data: ids },
    { name: 'attention_mask', shape, data: new BigInt64Array(length).fill(1n) },
    { name: 'token_type_ids', shape, data: new BigInt64Array(length) },
  ];
}
