import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { Message } from './support/protocol-client.ts';
import { floats, rawOutput } from './support/requests.ts';
import { Serving, transports } from './support/serving.ts';
import { stepModels } from './support/step-models.ts';

function request(id: string, left: number, replaced: object = {}): object {
  const input = (name: string) => ({ name, datatype: 'FP32', shape: [1, 1] });
  return {
    model_name: 'count',
    id,
    inputs: [input('left'), input('by')],
    raw_input_contents: [floats(left), floats(1)],
    ...replaced,
  };
}

/** An answer as `id value`, the last of its request with a dot behind it. */
function shown({ error_message: error, infer_response: response }: Message): string {
  const { id, parameters, raw_output_contents: raw } = response as Message;
  const { triton_final_response: final } = parameters as Record<string, { bool_param?: boolean }>;
  const [y] = raw as readonly Buffer[];
  const value = error === '' ? (y === undefined ? 'nothing' : y.readFloatLE()) : error;
  return `${String(id)} ${String(value)}${final?.bool_param === true ? '.' : ''}`;
}

for (const transport of transports) {
  describe(`models of many steps on ${transport}`, () => {
    let serving: Serving;

    const converse = (...requests: readonly object[]): Promise<string[]> =>
      new Promise((resolve, reject) => {
        const stream = serving.client.stream();
        const answers: string[] = [];
        stream.on('data', (message: Message) => answers.push(shown(message)));
        stream.on('error', reject);
        stream.on('end', () => resolve(answers));
        for (const one of requests) stream.write(one);
        stream.end();
      });

    const counters = async (
      model: string,
    ): Promise<{ success: number; fail: number; inferences: number }> => {
      const { reply } = await serving.client.call('ModelStatistics', { name: model });
      const [{ inference_stats: stats, inference_count: inferences }] = reply['model_stats'] as [Message];
      const { success, fail } = stats as Record<string, { count: string }>;
      return { success: Number(success?.count), fail: Number(fail?.count), inferences: Number(inferences) };
    };

    /** How many steps have run when no more do. */
    const atRest = async (): Promise<number> => {
      for (let before = -1; ;) {
        const { inferences } = await counters('count');
        if (inferences === before) return inferences;
        before = inferences;
        for (let calls = 0; calls < 50; calls++) await serving.client.call('ServerLive');
      }
    };

    before(async () => {
      serving = await Serving.start(transport, stepModels);
    });
    after(() => serving[Symbol.asyncDispose]());

    it('1.5: every step of a decoupled model is an answer, and the last one says so', async () => {
      assert.deepEqual(await converse(request('a', 3)), ['a 2', 'a 1', 'a 0.']);
    });

    it('1.5: answers of several requests of one stream are interleaved, each with its own last one', async () => {
      const answers = await converse(request('a', 20), request('b', 2), request('c', 1));
      const of = (id: string) => answers.filter((answer) => answer.startsWith(id));
      assert.equal(of('a').length, 20);
      assert.deepEqual([of('b'), of('c')], [['b 1', 'b 0.'], ['c 0.']]);
      assert.equal(answers.at(-1), 'a 0.');
    });

    it('1.5: a last step that is no answer is told only to who asks for empty final answers', async () => {
      const evens = { model_name: 'evens', raw_input_contents: [floats(4), floats(3)] };
      const wantsEmpty = { parameters: { triton_enable_empty_final_response: { bool_param: true } } };
      const odd = { ...evens, raw_input_contents: [floats(5), floats(2)] };
      assert.deepEqual(await converse(request('a', 0, evens)), ['a -2.']);
      assert.deepEqual(await converse(request('a', 0, odd)), []);
      assert.deepEqual(await converse(request('a', 0, { ...odd, ...wantsEmpty })), ['a nothing.']);
    });

    it('1.5: a request that fails on the way is an error with the last flag', async () => {
      const steps = { parameters: { max_steps: { int64_param: '0' } } };
      assert.deepEqual(await converse(request('a', 2, steps)), [
        "a invalid value for parameter 'max_steps', expected an integer of 1 to 100000.",
      ]);
    });

    it('1.7: ModelInfer refuses a decoupled model, whatever it answers', async () => {
      const { code, details } = await serving.client.call('ModelInfer', request('a', 3));
      assert.equal(status[code], 'UNIMPLEMENTED');
      assert.match(details, /^ModelInfer RPC doesn't support models with decoupled transaction policy/);
    });

    it('a model that is not decoupled answers with its last step, on ModelInfer as well', async () => {
      const outcome = await serving.client.call('ModelInfer', request('a', 3.5, { model_name: 'last' }));
      assert.equal(outcome.code, status.OK, outcome.details);
      assert.equal(rawOutput(outcome).readFloatLE(), -0.5);
      assert.deepEqual(await converse(request('b', 9, { model_name: 'last' })), ['b 0.']);
    });

    it('a model without a batch dimension takes its steps by itself', async () => {
      const alone = { model_name: 'alone' };
      const answers = await converse(request('a', 2, alone), request('b', 1, alone));
      assert.deepEqual(answers.toSorted(), ['a 0.', 'a 1', 'b 0.']);
    });

    it('an ensemble takes the last step of a model that is not decoupled', async () => {
      const input = (name: string) => ({ name, datatype: 'FP32', shape: [1, 1] });
      const inputs = [input('from'), input('step')];
      const outcome = await serving.client.call(
        'ModelInfer',
        request('a', 7.5, { model_name: 'whole', inputs }),
      );
      assert.equal(outcome.code, status.OK, outcome.details);
      assert.equal(rawOutput(outcome).readFloatLE(), -0.5);
    });

    it('3: a request is counted once, and each of its steps as an inference', async () => {
      const before = await counters('last');
      await serving.client.call('ModelInfer', request('a', 7, { model_name: 'last' }));
      const { success, inferences } = await counters('last');
      assert.deepEqual([success - before.success, inferences - before.inferences], [1, 7]);
    });

    it('nothing is computed far ahead of a client that does not read, nor for one that has gone', async () => {
      const before = await counters('count');
      const stream = serving.client.stream();
      stream.on('error', () => {});
      const first = new Promise<void>((resolve) => {
        stream.once('data', () => {
          stream.pause();
          resolve();
        });
      });
      stream.write(request('a', 90_000));
      await first;
      const ahead = (await atRest()) - before.inferences;
      stream.cancel();
      assert.ok(ahead < 20_000, `${ahead} steps`);
      while ((await counters('count')).fail === before.fail);
      // Some more may have been computed before the server heard of it.
      const left = await atRest();
      assert.ok(left - before.inferences < 20_000, `${left - before.inferences} steps`);
      assert.equal((await counters('count')).fail, before.fail + 1);
    });
  });
}
