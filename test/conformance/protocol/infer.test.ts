import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { loadedModels, models } from './support/models.ts';
import type { Outcome } from './support/protocol-client.ts';
import { elements, floats, mlp, one, outputsOf, rawOutput, rowsOf } from './support/requests.ts';
import { Serving, transports } from './support/serving.ts';

function float32(bytes: Buffer): readonly number[] {
  return [...new Float32Array(new Uint8Array(bytes).buffer)];
}

/** Elements of a BYTES tensor. */
function texts(bytes: Buffer): readonly string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32LE(at);
    found.push(bytes.toString('utf8', at + 4, at + 4 + length));
    at += 4 + length;
  }
  return found;
}

/** Each datatype with a typed form: its contents, and the bytes that an identity model answers. */
const typed: readonly (readonly [model: string, datatype: string, contents: object, raw: Buffer])[] = [
  ['flags', 'BOOL', { bool_contents: [true, false] }, Buffer.from([1, 0])],
  ['int8', 'INT8', { int_contents: [-128, 127] }, Buffer.from([0x80, 0x7f])],
  ['uint8', 'UINT8', { uint_contents: [0, 255] }, Buffer.from([0, 255])],
  ['uint16', 'UINT16', { uint_contents: [1, 65_535] }, Buffer.from([1, 0, 255, 255])],
  ['floats', 'FP32', { fp32_contents: [0.5, -2] }, floats(0.5, -2)],
  ['text', 'BYTES', { bytes_contents: [Buffer.from('ä'), Buffer.from('')] }, elements('ä', '')],
  [
    'big',
    'UINT64',
    { uint64_contents: ['18446744073709551615', '1'] },
    Buffer.from('ffffffffffffffff0100000000000000', 'hex'),
  ],
];

for (const transport of transports) {
  describe(`inference on ${transport}`, () => {
    let serving: Serving;
    const infer = (request: object): Promise<Outcome> => serving.client.call('ModelInfer', request);

    before(async () => {
      serving = await Serving.start(transport, models, {
        models: { controlMode: 'explicit', load: loadedModels },
      });
    });
    after(() => serving[Symbol.asyncDispose]());

    for (const [model, datatype, contents, raw] of typed) {
      it(`1.3: typed contents of ${datatype} are answered raw`, async () => {
        const outcome = await infer(one(model, { datatype, shape: [1, 2], contents }));
        assert.equal(outcome.code, status.OK, outcome.details);
        assert.deepEqual(rawOutput(outcome), raw);
        const [output] = outputsOf(outcome);
        assert.deepEqual([output?.['datatype'], output?.['shape']], [datatype, ['1', '2']]);
      });
    }

    it('1.2: the answer names the model, the version that answered and the id', async () => {
      const { reply } = await infer(mlp({ id: 'request 7' }));
      assert.deepEqual([reply['model_name'], reply['model_version'], reply['id']], ['mlp', '1', 'request 7']);
    });

    it('1.3: an empty version is the newest, by number', async () => {
      const newest = await infer(mlp({ model_name: 'versions' }));
      const first = await infer(mlp({ model_name: 'versions', model_version: '1' }));
      assert.deepEqual([newest.reply['model_version'], first.reply['model_version']], ['3', '1']);
    });

    it('1.7: outputs come in the order of the request, and all of them when it names none', async () => {
      const pair = (outputs: readonly string[]) => ({
        model_name: 'pair',
        inputs: ['b', 'a'].map((name) => ({ name, datatype: 'FP32', shape: [1, 2] })),
        raw_input_contents: [floats(1, 2), floats(10, 20)],
        outputs: outputs.map((name) => ({ name })),
      });
      const named = await infer(pair(['difference', 'sum']));
      assert.deepEqual(
        outputsOf(named).map(({ name }) => name),
        ['difference', 'sum'],
      );
      assert.deepEqual(float32(rawOutput(named)), [9, 18]);
      assert.deepEqual(float32(rawOutput(named, 1)), [11, 22]);
      assert.deepEqual(
        outputsOf(await infer(pair([]))).map(({ name }) => name),
        ['sum', 'difference'],
      );
      assert.deepEqual(
        outputsOf(await infer(pair(['sum']))).map(({ name }) => name),
        ['sum'],
      );
    });

    it("1.4: parameters of Triton's clients are taken in every type they send", async () => {
      const parameters = {
        sequence_id: { int64_param: 42 },
        sequence_start: { bool_param: true },
        sequence_end: { bool_param: true },
        priority: { uint64_param: 1 },
        timeout: { int64_param: 10_000_000 },
        triton_enable_empty_final_response: { bool_param: true },
        note: { string_param: 'free' },
        rate: { double_param: 0.5 },
      };
      assert.equal((await infer(mlp({ parameters }))).code, status.OK);
      const textual = { sequence_id: { string_param: 'a' } };
      assert.equal((await infer(mlp({ parameters: textual }))).code, status.OK);
    });

    it('2: classification answers the best classes of each row, with their labels', async () => {
      const outputs = [{ name: 'y', parameters: { classification: { int64_param: 2 } } }];
      const request = one('mlp', { datatype: 'FP32', shape: [3, 16] }, rowsOf(3));
      const scores = float32(rawOutput(await infer(request))).slice(0, 4);
      const outcome = await infer({ ...request, outputs });
      const [output] = outputsOf(outcome);
      assert.deepEqual([output?.['datatype'], output?.['shape']], ['BYTES', ['3', '2']]);
      const labels = ['red', 'green', 'blue', 'white'];
      const best = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!).slice(0, 2);
      const row = best.map((index) => `${scores[index]!.toFixed(6)}:${index}:${labels[index]}`);
      assert.deepEqual(texts(rawOutput(outcome)), [...row, ...row, ...row]);
    });

    it('1.3: scalars and models without a batch dimension keep their shapes', async () => {
      const outcome = await infer({
        model_name: 'scale',
        inputs: [
          { name: 'x', datatype: 'FP32', shape: [3] },
          { name: 'factor', datatype: 'FP32', shape: [] },
        ],
        raw_input_contents: [floats(1, 2, 3), floats(2)],
      });
      assert.equal(outcome.code, status.OK, outcome.details);
      assert.deepEqual(
        outputsOf(outcome).map(({ name, shape }) => [name, shape]),
        [
          ['y', ['3']],
          ['total', []],
        ],
      );
      assert.deepEqual(float32(rawOutput(outcome, 1)), [12]);
    });

    it('3: statistics count requests, rows and executions', async () => {
      const read = async () => {
        const { reply } = await serving.client.call('ModelStatistics', { name: 'pair' });
        const [stats] = reply['model_stats'] as readonly Record<string, unknown>[];
        const inferences = stats?.['inference_stats'] as Record<string, { count: string; ns: string }>;
        const batches = stats?.['batch_stats'] as readonly {
          batch_size: string;
          compute_infer: { count: string };
        }[];
        return {
          inferences: Number(stats?.['inference_count']),
          executions: Number(stats?.['execution_count']),
          lastInference: Number(stats?.['last_inference']),
          success: Number(inferences['success']?.count),
          successNs: Number(inferences['success']?.ns),
          fail: Number(inferences['fail']?.count),
          queue: Number(inferences['queue']?.count),
          infer: Number(inferences['compute_infer']?.count),
          ofThree: Number(batches.find(({ batch_size }) => batch_size === '3')?.compute_infer.count ?? 0),
        };
      };
      const request = {
        model_name: 'pair',
        inputs: ['a', 'b'].map((name) => ({ name, datatype: 'FP32', shape: [3, 2] })),
        raw_input_contents: [floats(1, 2, 3, 4, 5, 6), floats(1, 2, 3, 4, 5, 6)],
      };
      const earlier = await read();
      for (let i = 0; i < 5; i++) assert.equal((await infer(request)).code, status.OK);
      assert.equal(
        (await infer({ ...request, raw_input_contents: [floats(1), floats(1)] })).code,
        status.INVALID_ARGUMENT,
      );
      const later = await read();
      assert.deepEqual(
        {
          inferences: later.inferences - earlier.inferences,
          executions: later.executions - earlier.executions,
          success: later.success - earlier.success,
          fail: later.fail - earlier.fail,
          queue: later.queue - earlier.queue,
          infer: later.infer - earlier.infer,
          ofThree: later.ofThree - earlier.ofThree,
        },
        { inferences: 15, executions: 5, success: 5, fail: 0, queue: 5, infer: 5, ofThree: 5 },
      );
      assert.ok(later.successNs > earlier.successNs);
      assert.ok(Math.abs(Date.now() - later.lastInference) < 60_000);
    });
  });
}
