import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { CallError, GrpcConnection } from '../support/grpc-connection.ts';
import { HeldModels, poison, valuesOf, type HeldRequest } from '../support/held-model.ts';

const rejects50 = 'timeout_action: REJECT default_timeout_microseconds: 50000';

/** One model for each test: what one run costs is not what another test expects. */
const configs: Readonly<Record<string, string>> = {
  // A preferred size sets the knee aside, which for runs of microseconds is noise.
  shared: 'max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 8 ] }',
  preferred:
    'max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 5000000 }',
  delayed:
    'max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 8 ] max_queue_delay_microseconds: 1000000 }',
  ranked: 'max_batch_size: 1 dynamic_batching { priority_levels: 3 default_priority_level: 2 }',
  rejecting: `max_batch_size: 8 dynamic_batching { default_queue_policy { ${rejects50} } }`,
  per_level: `max_batch_size: 8 dynamic_batching { priority_levels: 2 default_priority_level: 1
    priority_queue_policy { key: 2 value { ${rejects50} } } }`,
  delaying: `max_batch_size: 1 dynamic_batching { default_queue_policy { timeout_action: DELAY allow_timeout_override: true } }`,
  short_queue: 'max_batch_size: 8 dynamic_batching { default_queue_policy { max_queue_size: 2 } }',
  strict: `max_batch_size: 8 dynamic_batching { default_queue_policy { ${rejects50} } }`,
  timed: 'max_batch_size: 8 dynamic_batching { }',
  hurried: 'max_batch_size: 8 dynamic_batching { }',
  abandoned: 'max_batch_size: 8 dynamic_batching { }',
  overloaded: 'max_batch_size: 8 dynamic_batching { }',
  ordered: 'max_batch_size: 1 instance_group { count: 2 } dynamic_batching { preserve_ordering: true }',
  disordered: 'max_batch_size: 1 instance_group { count: 2 } dynamic_batching { }',
  poisoned: 'max_batch_size: 8 dynamic_batching { }',
  cut: 'max_batch_size: 4 dynamic_batching { } parameters { key: "row_independent" value { string_value: "true" } }',
  whole: 'max_batch_size: 4 dynamic_batching { }',
  alone: 'max_batch_size: 1',
  'crowd.model': 'max_batch_size: 8 dynamic_batching { }',
};

for (const transport of ['h2', 'grpc-js']) {
  describe(`batching over ${transport}`, { timeout: 240_000 }, () => {
    let models: HeldModels;
    before(async () => {
      models = await HeldModels.start(configs, ['--grpc-transport', transport]);
    });
    after(() => models[Symbol.asyncDispose]());

    /** Sends requests one after the other while the model is held; tells in which order they were answered. They take
     * milliseconds each, so that it is also the order in which they ran. */
    async function orderBehindHold(
      model: string,
      requests: readonly HeldRequest[],
    ): Promise<readonly number[]> {
      const held = await models.hold(model);
      const order: number[] = [];
      const answers = requests.map(async (request) => {
        order.push(...valuesOf(await models.infer(model, request)));
      });
      await models.waiting(model, answers.length);
      await Promise.all([held.release(), ...answers]);
      return order;
    }

    /** Calls as a client that leaves its deadline to the server: what it is told is what happened there. */
    async function callWithin(model: string, grpcTimeout: string): Promise<void> {
      using connection = await GrpcConnection.open(models.server.grpcPort);
      const inputs = [{ name: 'x', datatype: 'INT64', shape: [1, 1] }];
      const request = { model_name: model, inputs, raw_input_contents: [Buffer.alloc(8, 0)] };
      await connection.call('ModelInfer', request, { 'grpc-timeout': grpcTimeout });
    }

    test('what has come while a batch ran makes the next one, without waiting for more', async () => {
      const held = await models.hold('shared');
      const answers = [1, 2, 3, 4, 5].map((value) => models.infer('shared', { values: [value] }));
      await models.waiting('shared', 5);
      await held.release();
      assert.deepEqual((await Promise.all(answers)).map(valuesOf), [[1], [2], [3], [4], [5]]);
      assert.deepEqual(await models.batches('shared'), ['1x1', '5x1']);
      assert.equal(
        await models.reading('shared', 'tensorgate_batches_closed_total', 'reason="slot_free"'),
        2,
      );
    });

    test('preferred_batch_size closes a batch although requests may wait for more', async () => {
      const answers = [1, 2, 3, 4].map((value) => models.infer('preferred', { values: [value] }));
      assert.deepEqual((await Promise.all(answers)).map(valuesOf), [[1], [2], [3], [4]]);
      assert.deepEqual(await models.batches('preferred'), ['4x1']);
      const reason = 'reason="preferred_size"';
      assert.equal(await models.reading('preferred', 'tensorgate_batches_closed_total', reason), 1);
    });

    test('max_queue_delay_microseconds is how long company is waited for', async () => {
      const sentAt = performance.now();
      const answers = await Promise.all(
        [1, 2, 3].map((value) => models.infer('delayed', { values: [value] })),
      );
      // Timers count whole milliseconds.
      assert.ok(performance.now() - sentAt >= 998);
      assert.deepEqual(answers.map(valuesOf), [[1], [2], [3]]);
      assert.deepEqual(await models.batches('delayed'), ['3x1']);
      assert.equal(await models.reading('delayed', 'tensorgate_batches_closed_total', 'reason="delay"'), 1);
    });

    test('priority_levels: 1 goes first, and default_priority_level is for those that do not say', async () => {
      const order = await orderBehindHold('ranked', [
        { values: [2_003], parameters: { priority: 3 } },
        { values: [2_002] },
        { values: [2_001], parameters: { priority: 1 } },
      ]);
      assert.deepEqual(order, [2_001, 2_002, 2_003]);
    });

    test('default_timeout_microseconds with REJECT turns away what waited too long, and never runs it', async () => {
      const held = await models.hold('rejecting');
      await assert.rejects(models.infer('rejecting', { values: [1] }), {
        code: 'unavailable',
        message: 'Request timeout expired',
      });
      await held.release();
      assert.equal(await models.executedRows('rejecting'), 1);
    });

    test('priority_queue_policy holds for its level alone', async () => {
      const held = await models.hold('per_level');
      const patient = models.infer('per_level', { values: [1], parameters: { priority: 1 } });
      await assert.rejects(models.infer('per_level', { values: [2], parameters: { priority: 2 } }), {
        message: 'Request timeout expired',
      });
      await held.release();
      assert.deepEqual(valuesOf(await patient), [1]);
      assert.equal(await models.executedRows('per_level'), 2);
    });

    test('DELAY serves what waited too long after the others', async () => {
      const order = await orderBehindHold('delaying', [
        { values: [2_001], parameters: { timeout: 1 } },
        { values: [2_002] },
      ]);
      assert.deepEqual(order, [2_002, 2_001]);
    });

    test('max_queue_size bounds what waits', async () => {
      const held = await models.hold('short_queue');
      const first = models.infer('short_queue', { values: [1] });
      await models.waiting('short_queue', 1);
      const second = models.infer('short_queue', { values: [2] });
      await models.waiting('short_queue', 2);
      await assert.rejects(models.infer('short_queue', { values: [3] }), {
        code: 'unavailable',
        message: 'Exceeds maximum queue size',
      });
      await held.release();
      assert.deepEqual([valuesOf(await first), valuesOf(await second)], [[1], [2]]);
    });

    test('a request’s timeout shortens that of a model that does not allow it to, and never lengthens it', async () => {
      const held = await models.hold('strict');
      for (const timeout of [1_000, 60_000_000]) {
        await assert.rejects(models.infer('strict', { values: [1], parameters: { timeout } }), {
          message: 'Request timeout expired',
        });
      }
      await held.release();
      assert.equal(await models.executedRows('strict'), 1);
    });

    test('a request’s timeout reaches the queue of a model without any policy: nothing is executed', async () => {
      const held = await models.hold('timed');
      await assert.rejects(models.infer('timed', { values: [1], parameters: { timeout: 20_000 } }), {
        code: 'unavailable',
        message: 'Request timeout expired',
      });
      await held.release();
      assert.equal(await models.executedRows('timed'), 1);
    });

    test('a call’s deadline reaches the queue: nothing is executed', async () => {
      const held = await models.hold('hurried');
      await assert.rejects(callWithin('hurried', '60m'), { status: status.DEADLINE_EXCEEDED });
      await held.release();
      assert.equal(await models.executedRows('hurried'), 1);
    });

    test('a cancelled call leaves the queue: nothing is executed', async () => {
      const held = await models.hold('abandoned');
      const leave = new AbortController();
      const answer = models.infer('abandoned', { values: [1], signal: leave.signal });
      await models.waiting('abandoned', 1);
      leave.abort();
      await assert.rejects(answer, { code: 'cancelled' });
      await models.until('abandoned', 'tensorgate_queue_requests', 0);
      await held.release();
      assert.equal(await models.executedRows('abandoned'), 1);
      const [counters] = await models.client.statistics('abandoned');
      assert.equal(counters?.fail.count, 1);
    });

    test('a call that cannot be answered in time is refused at once, with when to try again', async () => {
      // As often as it takes the server to believe that runs cost more than those of its rehearsal.
      for (let run = 0; run < 35; run++) await models.infer('overloaded', { values: [10_000] });
      const held = await models.hold('overloaded');
      // Also where a run takes a fifth of the time that it takes on the machines at hand.
      await assert.rejects(callWithin('overloaded', '20m'), (error: unknown) => {
        assert.ok(error instanceof CallError, String(error));
        assert.equal(error.status, status.RESOURCE_EXHAUSTED, error.message);
        return error.retryAfterMs >= 1;
      });
      await held.release();
      assert.equal(await models.executedRows('overloaded'), 36);
    });

    test('two instances run at once, and answer in the order of requests only where that is asked for', async () => {
      for (const [model, order] of [
        ['disordered', ['short', 'long']],
        ['ordered', ['long', 'short']],
      ] as const) {
        const answered: string[] = [];
        const held = await models.hold(model);
        const short = models.infer(model, { values: [1] }).then(() => answered.push('short'));
        while ((await models.executedRows(model)) === 0);
        if (model === 'disordered') await short;
        await Promise.all([held.release().then(() => answered.push('long')), short]);
        assert.deepEqual(answered, order, model);
      }
    });

    test('of a batch that fails only the guilty request does', async () => {
      const held = await models.hold('poisoned');
      const values = [1, 2, poison, 4, 5];
      const answers = values.map((value) => models.infer('poisoned', { values: [value] }));
      await models.waiting('poisoned', values.length);
      const settled = Promise.allSettled(answers);
      await held.release();
      const outcomes = await settled;
      assert.deepEqual(
        outcomes.map((outcome) => (outcome.status === 'fulfilled' ? valuesOf(outcome.value) : 'failed')),
        [[1], [2], 'failed', [4], [5]],
      );
      await assert.rejects(models.infer('poisoned', { values: [poison] }), { code: 'invalid_argument' });
    });

    test('a request larger than a batch is refused with the largest size', async () => {
      await assert.rejects(models.infer('whole', { values: [1, 2, 3, 4, 5] }), {
        code: 'invalid_argument',
        message: "inference request batch-size must be <= 4 for 'whole'",
      });
    });

    test('a request larger than a batch is cut and put together again where rows are independent', async () => {
      const values = Array.from({ length: 10 }, (_, index) => index);
      assert.deepEqual(valuesOf(await models.infer('cut', { values })), values);
      assert.deepEqual(await models.batches('cut'), ['2x1', '4x2']);
    });

    test('with max_batch_size 1 every request runs alone', async () => {
      const held = await models.hold('alone');
      const answers = [1, 2, 3].map((value) => models.infer('alone', { values: [value] }));
      await models.waiting('alone', 3);
      await Promise.all([held.release(), ...answers]);
      assert.deepEqual(await models.batches('alone'), ['1x4']);
    });

    test('a model whose rows depend on each other is not batched, and metrics and log tell so', async () => {
      const row = (first: number): Float32Array => Float32Array.of(first, 1, 2, 3);
      const answers = await Promise.all(
        [1, 2, 3, 4].map((first) =>
          models.client.infer({
            model: 'crowd.model',
            inputs: [{ name: 'x', shape: [1, 4], data: row(first) }],
          }),
        ),
      );
      for (const answer of answers) assert.deepEqual(valuesOf(answer), [0, 0, 0, 0]);
      assert.deepEqual(await models.batches('crowd.model'), ['1x4']);
      assert.equal(await models.reading('crowd.model', 'tensorgate_batching_off'), 1);
      await models.server.printed(/"model":"crowd\.model"[^\n]*"reason":"[^"]+"/);
    });
  });
}
