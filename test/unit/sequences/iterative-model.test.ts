import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createBatcher } from '../../../src/batching/create-batcher.ts';
import { RowReader } from '../../../src/batching/split.ts';
import { ServingError } from '../../../src/errors.ts';
import type { CallContext } from '../../../src/inference/call-context.ts';
import type { Batch } from '../../../src/inference/executor.ts';
import type { Parameter } from '../../../src/inference/request.ts';
import type { InferResponse } from '../../../src/inference/response.ts';
import type { IterationPlan, SequencePlan } from '../../../src/inference/sequence.ts';
import type { Target } from '../../../src/inference/target.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { batchSequences } from '../../../src/sequences/batch-sequences.ts';
import { buildRequest } from '../../support/build-request.ts';
import { buildSpec, buildTarget, buildTensorSpec, callAt } from '../../support/build-target.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { Latch } from '../../support/latch.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';

function floats(name: string, values: readonly number[]): Tensor {
  const data = new Uint8Array(new Float32Array(values).buffer);
  return { name, datatype: 'FP32', shape: [values.length, 1], data };
}

function bools(name: string, values: readonly boolean[]): Tensor {
  return { name, datatype: 'BOOL', shape: [values.length, 1], data: Uint8Array.from(values, Number) };
}

function inputOf(batch: Batch | undefined, name: string): number[] {
  const input = batch?.inputs.find((candidate) => candidate.name === name);
  assert.ok(input, `the batch has no ${name}`);
  return [...new Float32Array(new Uint8Array(Buffer.concat(input.parts)).buffer)];
}

/** Counts `left` down by `by` in each step and tells what is left: done at 0 or below, and silent where that is odd. */
function countDown(batch: Batch): Tensor[] {
  const by = inputOf(batch, 'by');
  const rest = inputOf(batch, 'left').map((left, row) => left - (by[row] ?? Number.NaN));
  const outputs: Record<string, Tensor> = {
    y: floats('y', rest),
    rest: floats('rest', rest),
    done: bools(
      'done',
      rest.map((left) => left <= 0),
    ),
    even: bools(
      'even',
      rest.map((left) => left % 2 === 0),
    ),
  };
  return batch.outputs.map((name) => outputs[name] ?? assert.fail(`no output ${name}`));
}

interface BenchOptions extends Partial<Omit<SequencePlan, 'model' | 'iteration'>>, Partial<IterationPlan> {
  readonly compute?: (batch: Batch) => readonly Tensor[];
  readonly decoupled?: boolean;
  readonly inline?: boolean;
}

class Bench {
  readonly clock = new FakeClock();
  readonly executor: PuppetExecutor;
  readonly target: Target;
  readonly #whole: ReturnType<typeof buildTarget>;
  /** What the client sees is counted apart from what the batcher does. */
  readonly statistics = buildTarget([]).statistics;
  readonly batcher = batchSequences(createBatcher({ clock: this.clock }), {
    clock: this.clock,
    readRows: (tensor) => new RowReader(tensor),
  });

  constructor({ compute = countDown, decoupled = true, inline = false, ...plan }: BenchOptions = {}) {
    this.executor = new PuppetExecutor({ compute, inline });
    const column = (name: string) => buildTensorSpec(name, { dims: [1] });
    const flag = (name: string) => buildTensorSpec(name, { dims: [1], datatype: 'BOOL' });
    this.#whole = buildTarget([this.executor], {
      spec: {
        maxBatchSize: 4,
        decoupled,
        inputs: ['by', 'left', 'START', 'END'].map(column),
        outputs: [...['y', 'rest'].map(column), flag('done'), flag('even')],
      },
      scheduling: { stepwise: true },
    });
    const inputs = [column('by'), column('left')];
    const spec = buildSpec({ maxBatchSize: 4, decoupled, inputs, outputs: [column('y')] });
    const { maxSteps = 10, stopOutput = 'done', emitOutput = '', ...rest } = plan;
    this.target = {
      ...this.#whole,
      spec,
      statistics: this.statistics,
      sequences: {
        strategy: 'oldest',
        slots: 4,
        idleMs: 1000,
        maxSequences: 100,
        maxStateBytes: 1000,
        controls: (['start', 'end'] as const).map((kind) => ({
          kind,
          name: kind.toUpperCase(),
          datatype: 'FP32',
          off: new Uint8Array(4),
          on: new Uint8Array(new Float32Array([1]).buffer),
        })),
        states: [
          {
            input: 'left',
            output: 'rest',
            datatype: 'FP32',
            dims: [1],
            initialShape: [1],
            initial: new Uint8Array(new Float32Array([3]).buffer),
          },
        ],
        iteration: { maxSteps, stopOutput, emitOutput, sentStates: plan.sentStates ?? new Set(['left']) },
        ...rest,
        model: this.#whole,
      },
    };
  }

  get steps() {
    return this.#whole.statistics;
  }

  send(left: number, { by = 1, call = this.call(), steps }: SendOptions = {}): Sent {
    const parameters: Record<string, Parameter> = steps === undefined ? {} : { max_steps: steps };
    const inputs = [floats('by', [by]), floats('left', [left])];
    const request = buildRequest({ inputs, outputs: ['y'], parameters, id: `from ${left}` });
    return new Sent(call, () => this.batcher.submit(this.target, request, call));
  }

  call(deadline = Infinity): CallContext {
    const call = callAt(this.clock.now(), { deadline });
    call.streaming = true;
    return call;
  }

  async finish(batches = 1): Promise<void> {
    await settled();
    for (let i = 0; i < batches; i++) {
      this.executor.finish();
      await settled();
    }
  }

  async finishAll(): Promise<void> {
    await settled();
    while (this.executor.running !== undefined) await this.finish();
  }
}

interface SendOptions {
  readonly by?: number;
  readonly call?: CallContext;
  readonly steps?: Parameter;
}

/** A request under way: answers are taken as they come unless `room` holds them. */
class Sent {
  /** Values of the answers before the last. */
  readonly answers: (number | undefined)[] = [];
  readonly call: CallContext;
  readonly last: Promise<number | string | undefined>;
  room: Promise<void> = Promise.resolve();

  constructor(call: CallContext, submit: () => Promise<InferResponse>) {
    this.call = call;
    call.takeAnswer = (response) => {
      this.answers.push(valueOf(response));
      return this.room;
    };
    this.last = submit().then(valueOf, (error: unknown) => {
      const { reason, code } = ServingError.from(error);
      return reason ?? code;
    });
  }
}

function valueOf({ outputs }: InferResponse): number | undefined {
  assert.ok(outputs.every(({ name }) => name === 'y'));
  const [y] = outputs;
  return y && new Float32Array(new Uint8Array(y.data).buffer)[0];
}

test('each step begins where the one before it ended, and is an answer, until the model says stop', async () => {
  const bench = new Bench();
  const sent = bench.send(3);
  await bench.finishAll();
  assert.equal(await sent.last, 0);
  assert.deepEqual(sent.answers, [2, 1]);
  assert.deepEqual(
    bench.executor.batches.map((batch) =>
      ['by', 'left', 'START', 'END'].map((name) => inputOf(batch, name)[0]),
    ),
    [
      [1, 3, 1, 0],
      [1, 2, 0, 0],
      [1, 1, 0, 0],
    ],
  );
});

test('a request that is answered once gets the last step, and needs nobody who takes more', async () => {
  const bench = new Bench({ decoupled: false });
  const sent = bench.send(3);
  sent.call.takeAnswer = undefined;
  await bench.finishAll();
  assert.equal(await sent.last, 0);
});

test('a state that requests do not send begins as the configuration says', async () => {
  const bench = new Bench({ sentStates: new Set() });
  const answer = bench.batcher.submit(
    bench.target,
    buildRequest({ inputs: [floats('by', [3])], outputs: ['y'] }),
    Object.assign(bench.call(), { takeAnswer: () => Promise.resolve() }),
  );
  await bench.finishAll();
  assert.equal(valueOf(await answer), 0);
});

test('steps of different requests share batches, whichever step each is at', async () => {
  const bench = new Bench();
  const first = bench.send(5);
  await bench.finish(2);
  const second = bench.send(3);
  await bench.finishAll();
  assert.deepEqual([await first.last, await second.last], [0, 0]);
  assert.deepEqual(
    [first.answers, second.answers],
    [
      [4, 3, 2, 1],
      [2, 1],
    ],
  );
  // The second joins after the step that ran when it came.
  assert.deepEqual(bench.executor.rows, [1, 1, 1, 2, 2, 1]);
});

test('steps share batches also where they are computed on the thread that serves', async () => {
  const bench = new Bench({ inline: true });
  const sent = [5, 4, 4].map((left) => bench.send(left));
  assert.deepEqual(await Promise.all(sent.map(({ last }) => last)), [0, 0, 0]);
  assert.deepEqual(bench.executor.rows, [3, 3, 3, 3, 1]);
});

test('a request ends at its limit of steps, and the model is told which step that is', async () => {
  const bench = new Bench({ maxSteps: 4 });
  const own = bench.send(100, { steps: 2 });
  const general = bench.send(100);
  await bench.finishAll();
  assert.deepEqual([own.answers, await own.last], [[99], 98]);
  assert.deepEqual([general.answers, await general.last], [[99, 98, 97], 96]);
  assert.deepEqual(
    bench.executor.batches.map((batch) => inputOf(batch, 'END')),
    [[0, 0], [1, 0], [0], [1]],
  );
});

for (const steps of [0, 5, 1.5, '2', true, -1, 2n ** 70n]) {
  test(`max_steps ${typeof steps} ${steps} is refused by a model of at most 4`, async () => {
    const bench = new Bench({ maxSteps: 4 });
    assert.equal(await bench.send(3, { steps }).last, 'INVALID_PARAMETER');
    assert.deepEqual(
      bench.statistics.failures.map(({ reason }) => reason),
      ['OTHER'],
    );
    assert.equal(bench.executor.batches.length, 0);
  });
}

test('steps that the model keeps to itself are no answers, not even the last', async () => {
  const bench = new Bench({ emitOutput: 'even' });
  const [even, odd] = [bench.send(4), bench.send(4, { by: 3 })];
  await bench.finishAll();
  assert.deepEqual([even.answers, await even.last], [[2], 0]);
  // 1, and then -2.
  assert.deepEqual([odd.answers, await odd.last], [[], -2]);
  const silent = bench.send(1, { by: 2 });
  await bench.finishAll();
  assert.deepEqual([silent.answers, await silent.last], [[], undefined]);
});

test('no step is run before its predecessor was taken', async () => {
  const bench = new Bench();
  const room = new Latch();
  const slow = bench.send(3);
  slow.room = room.opened;
  const other = bench.send(3);
  await bench.finishAll();
  assert.deepEqual([slow.answers, await other.last], [[2], 0]);
  assert.deepEqual(bench.executor.rows, [2, 1, 1]);
  room.open();
  await bench.finishAll();
  assert.equal(await slow.last, 0);
});

test('whoever reads nothing for a minute is given up', async () => {
  const bench = new Bench({ slots: 1 });
  const slow = bench.send(3);
  slow.room = new Latch().opened;
  const next = bench.send(1);
  await bench.finish();
  bench.clock.advance(59_999);
  await settled();
  assert.equal(bench.executor.running, undefined);
  bench.clock.advance(1);
  assert.equal(await slow.last, 'CANCELLED');
  await bench.finishAll();
  assert.equal(await next.last, 0);
});

test('a request whose answers nobody takes any more ends', async () => {
  const bench = new Bench();
  const sent = bench.send(3);
  const room = new Latch();
  sent.room = room.opened;
  await bench.finish();
  room.fail(new ServingError('cancelled', 'gone', { reason: 'STREAM_GONE' }));
  await bench.finishAll();
  assert.equal(await sent.last, 'STREAM_GONE');
  assert.equal(bench.executor.batches.length, 1);
});

test('a cancelled request takes no further step, whether it waits, runs or has answers to be read', async () => {
  const bench = new Bench({ slots: 2 });
  const [running, unread, waiting] = [bench.send(9), bench.send(9), bench.send(9)];
  unread.room = new Latch().opened;
  await settled();
  waiting.call.cancel();
  assert.equal(await waiting.last, 'CANCELLED');
  await bench.finish();
  unread.call.cancel();
  assert.equal(await unread.last, 'CANCELLED');
  running.call.cancel();
  await bench.finish();
  assert.equal(await running.last, 'CANCELLED');
  assert.deepEqual(bench.executor.rows, [2, 1]);
  assert.deepEqual(
    bench.statistics.failures.map(({ reason }) => reason),
    ['CANCELED', 'CANCELED', 'CANCELED'],
  );
});

test('a deadline ends a request that waits for a slot or for its reader, and is looked at between steps', async () => {
  const bench = new Bench({ slots: 2 });
  const deadline = 50;
  const [running, unread, waiting] = [1, 2, 3].map(() => bench.send(9, { call: bench.call(deadline) }));
  assert.ok(running && unread && waiting);
  unread.room = new Latch().opened;
  await bench.finish();
  bench.clock.advance(deadline);
  assert.equal(await waiting.last, 'DEADLINE_EXCEEDED');
  assert.equal(await unread.last, 'DEADLINE_EXCEEDED');
  if (bench.executor.running !== undefined) await bench.finish();
  assert.equal(await running.last, 'DEADLINE_EXCEEDED');
  assert.deepEqual(bench.executor.rows, [2, 1]);
  assert.equal(bench.clock.pending, 0);
});

test('requests beyond the slots wait in order, and each that ends lets one in', async () => {
  const bench = new Bench({ slots: 2 });
  const order: number[] = [];
  const sent = [3, 1, 2, 1].map((left, index) => {
    const one = bench.send(left);
    void one.last.then(() => order.push(index));
    return one;
  });
  await bench.finishAll();
  assert.deepEqual(await Promise.all(sent.map(({ last }) => last)), [0, 0, 0, 0]);
  assert.deepEqual(order, [1, 0, 2, 3]);
  assert.deepEqual(bench.executor.rows, [2, 2, 2, 1]);
});

test('more requests than there may be are refused', async () => {
  const bench = new Bench({ slots: 1, maxSequences: 2 });
  const sent = [1, 1, 1].map((left) => bench.send(left));
  await bench.finishAll();
  assert.deepEqual(await Promise.all(sent.map(({ last }) => last)), [0, 0, 'TOO_MANY_SEQUENCES']);
});

test('states are counted, and the bytes of a request that ended are free again', async () => {
  const bench = new Bench({ maxStateBytes: 8 });
  const sent = [3, 3, 3].map((left) => bench.send(left));
  await bench.finishAll();
  assert.deepEqual(await Promise.all(sent.map(({ last }) => last)), [0, 0, 'SEQUENCE_STATES_TOO_LARGE']);
  const again = [3, 3].map((left) => bench.send(left));
  await bench.finishAll();
  assert.deepEqual(await Promise.all(again.map(({ last }) => last)), [0, 0]);
});

test('a step that fails ends its request, and lets the next one in', async () => {
  const bench = new Bench({ slots: 1 });
  const [failing, next] = [bench.send(3), bench.send(1)];
  await bench.finish();
  bench.executor.fail(new ServingError('invalid_argument', 'no', { reason: 'NOT_COMPUTABLE' }));
  await bench.finishAll();
  assert.deepEqual([failing.answers, await failing.last], [[2], 'NOT_COMPUTABLE']);
  assert.equal(await next.last, 0);
});

test('a flag that is not one BOOL for each row fails the request', async () => {
  const compute = (batch: Batch) =>
    countDown(batch).map((tensor) => (tensor.name === 'done' ? floats('done', [0]) : tensor));
  const bench = new Bench({ compute });
  const sent = bench.send(3);
  await bench.finishAll();
  assert.equal(await sent.last, 'INFERENCE_FAILED');
});

test('requests of more than one row are refused', async () => {
  const bench = new Bench();
  const inputs = [floats('by', [1, 1]), floats('left', [2, 2])];
  const answer = bench.batcher.submit(bench.target, buildRequest({ inputs, outputs: ['y'] }), bench.call());
  await assert.rejects(answer, /must specify batch-size 1/);
});

test('the first answer of a request is counted when it is there, once', async () => {
  const bench = new Bench({ emitOutput: 'even' });
  const sent = [bench.send(3), bench.send(1, { by: 2 })];
  await settled();
  for (let batch = 0; batch < 3; batch++) {
    bench.clock.advance(10);
    if (bench.executor.running !== undefined) await bench.finish();
  }
  await Promise.all(sent.map(({ last }) => last));
  // The second request answers nothing.
  assert.deepEqual(bench.statistics.firstAnswers, [10]);
  assert.deepEqual(bench.statistics.successes, [10, 30]);
});

test('answers are counted one by one, each from the one before it, with what became of the last', async () => {
  const bench = new Bench({ emitOutput: 'even' });
  const sent = bench.send(3);
  const silent = bench.send(1, { by: 2 });
  await settled();
  for (let batch = 0; batch < 3; batch++) {
    bench.clock.advance(10);
    await bench.finish();
  }
  await Promise.all([sent.last, silent.last]);
  assert.deepEqual(bench.statistics.responses, ['0 empty 10+0', '0 success 10+0', '1 success 20+0']);
  const gone = bench.send(9);
  await settled();
  bench.clock.advance(5);
  gone.call.cancel();
  await bench.finishAll();
  await gone.last;
  assert.equal(bench.statistics.responses.at(-1), '0 cancel 5+0');
});

test('an answer alone, of a model that gives one, is not among those counted one by one', async () => {
  const bench = new Bench({ decoupled: false });
  const sent = bench.send(2);
  await bench.finishAll();
  await sent.last;
  assert.deepEqual(bench.statistics.responses, []);
});

test('a request is counted once, its steps are counted as inferences', async () => {
  const bench = new Bench();
  const sent = [3, 2].map((left) => bench.send(left));
  await bench.finishAll();
  await Promise.all(sent.map(({ last }) => last));
  assert.equal(bench.statistics.successes.length, 2);
  assert.deepEqual(
    bench.steps.batches.map(({ rows, requests }) => [rows, requests]),
    [
      [2, 2],
      [2, 2],
      [1, 1],
    ],
  );
});

test('a model is drained when all steps of all its requests have run', async () => {
  const bench = new Bench({ slots: 1 });
  const sent = [2, 2].map((left) => bench.send(left));
  await settled();
  let drained = false;
  const end = bench.batcher.drained(bench.target).then(() => (drained = true));
  await bench.finish(3);
  assert.equal(drained, false);
  await bench.finish();
  await end;
  assert.deepEqual(await Promise.all(sent.map(({ last }) => last)), [0, 0]);
});

test('whatever comes, leaves or stalls when, each request counts down by itself and nothing is left behind', async () => {
  const request = fc.record({
    left: fc.integer({ min: 1, max: 6 }),
    /** Batches after which it comes, its caller goes, and its reader goes on. */
    comes: fc.nat(8),
    leaves: fc.option(fc.nat(12), { nil: undefined }),
    readsAfter: fc.nat(10),
    limit: fc.integer({ min: 1, max: 10 }),
  });
  const slots = fc.integer({ min: 1, max: 4 });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), slots, async (requests, most) => {
      const bench = new Bench({ slots: most });
      const sent = new Map<number, Sent>();
      const rooms = requests.map(() => new Latch());
      for (let turn = 0; turn < 60; turn++) {
        for (const [index, { left, comes, leaves, readsAfter, limit }] of requests.entries()) {
          if (turn === comes) {
            const one = bench.send(left, { steps: limit });
            one.room = rooms[index]?.opened ?? Promise.resolve();
            sent.set(index, one);
          }
          if (turn === leaves) sent.get(index)?.call.cancel();
          if (turn === comes + readsAfter) rooms[index]?.open();
        }
        await settled();
        const rows = bench.executor.running?.rows ?? 0;
        assert.ok(rows <= most, `${rows} rows`);
        if (rows > 0) bench.executor.finish();
      }
      await settled();
      for (const [index, { left, leaves, limit }] of requests.entries()) {
        const one = sent.get(index);
        assert.ok(one);
        const all = Array.from({ length: Math.min(left, limit) }, (_, step) => left - step - 1);
        const last = await one.last;
        if (last === 'CANCELLED') assert.ok(leaves !== undefined);
        else assert.equal(last, all.pop());
        assert.deepEqual(one.answers, all.slice(0, one.answers.length));
        if (last !== 'CANCELLED') assert.equal(one.answers.length, all.length);
      }
      assert.equal(bench.statistics.successes.length + bench.statistics.failures.length, requests.length);
      assert.equal(bench.clock.pending, 0);
      await bench.batcher.drained(bench.target);
    }),
    { numRuns: 25 },
  );
});
