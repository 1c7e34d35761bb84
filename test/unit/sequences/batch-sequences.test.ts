import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createBatcher } from '../../../src/batching/create-batcher.ts';
import { RowReader } from '../../../src/batching/split.ts';
import { ServingError } from '../../../src/errors.ts';
import type { Batch, BatchTensor } from '../../../src/inference/executor.ts';
import type { Parameter } from '../../../src/inference/request.ts';
import type { InferResponse } from '../../../src/inference/response.ts';
import type { SequencePlan } from '../../../src/inference/sequence.ts';
import type { Target } from '../../../src/inference/target.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { batchSequences } from '../../../src/sequences/batch-sequences.ts';
import { buildRequest } from '../../support/build-request.ts';
import {
  buildSpec,
  buildTarget,
  buildTensorSpec,
  callAt,
  principalNamed,
} from '../../support/build-target.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';

function floats(name: string, values: readonly number[]): Tensor {
  const data = new Uint8Array(new Float32Array(values).buffer);
  return { name, datatype: 'FP32', shape: [values.length, 1], data };
}

function valuesOf({ parts }: BatchTensor): number[] {
  return [...new Float32Array(new Uint8Array(Buffer.concat(parts)).buffer)];
}

function inputOf(batch: Batch | undefined, name: string): number[] {
  const input = batch?.inputs.find((candidate) => candidate.name === name);
  assert.ok(input, `the batch has no ${name}`);
  return valuesOf(input);
}

/** Adds what is sent to what was sent before: y = sum. */
function accumulate(batch: Batch): Tensor[] {
  const sums = inputOf(batch, 'x').map((value, row) => value + (inputOf(batch, 'sum')[row] ?? Number.NaN));
  return batch.outputs.map((name) => floats(name, sums));
}

const one = new Uint8Array(new Float32Array([1]).buffer);
const zero = new Uint8Array(4);

interface BenchOptions extends Partial<Omit<SequencePlan, 'model'>> {
  readonly maxBatchSize?: number;
  readonly compute?: (batch: Batch) => readonly Tensor[];
  readonly instances?: number;
}

/** A model that sums up what its sequences send, its executor held by the test. */
class Bench {
  readonly clock = new FakeClock();
  readonly executors: PuppetExecutor[];
  readonly target: Target;
  readonly #whole: ReturnType<typeof buildTarget>;
  readonly batcher = batchSequences(createBatcher({ clock: this.clock }), {
    clock: this.clock,
    readRows: (tensor) => new RowReader(tensor),
  });

  constructor({ maxBatchSize = 4, compute = accumulate, instances = 1, ...plan }: BenchOptions = {}) {
    this.executors = Array.from({ length: instances }, () => new PuppetExecutor({ compute }));
    const column = (name: string) => buildTensorSpec(name, { dims: [1] });
    const strategy = plan.strategy ?? 'oldest';
    this.#whole = buildTarget(this.executors, {
      spec: {
        maxBatchSize,
        inputs: ['x', 'START', 'READY', 'END', 'sum'].map(column),
        outputs: ['y', 'total'].map(column),
      },
      scheduling: { dynamicBatching: strategy === 'oldest' },
    });
    this.target = {
      ...this.#whole,
      spec: buildSpec({ maxBatchSize, inputs: [column('x')], outputs: [column('y')] }),
      sequences: {
        strategy,
        slots: 4,
        idleMs: 1000,
        maxSequences: 100,
        maxStateBytes: 1000,
        controls: (['start', 'ready', 'end'] as const).map((kind) => ({
          kind,
          name: kind.toUpperCase(),
          datatype: 'FP32',
          off: zero,
          on: one,
        })),
        states: [
          { input: 'sum', output: 'total', datatype: 'FP32', dims: [1], initialShape: [1], initial: zero },
        ],
        ...plan,
        model:
          strategy === 'oldest' ? this.#whole : { ...this.#whole, statistics: buildTarget([]).statistics },
      },
    };
  }

  get executor(): PuppetExecutor {
    const [executor] = this.executors;
    assert.ok(executor);
    return executor;
  }

  get statistics() {
    return this.#whole.statistics;
  }

  /** `flags`: 's' starts, 'e' ends. */
  send(id: Parameter | undefined, value: number, flags = '', call = callAt(this.clock.now())) {
    const parameters = {
      ...(id === undefined ? {} : { sequence_id: id }),
      sequence_start: flags.includes('s'),
      sequence_end: flags.includes('e'),
    };
    return outcome(
      this.batcher.submit(
        this.target,
        buildRequest({ inputs: [floats('x', [value])], outputs: ['y'], parameters }),
        call,
      ),
    );
  }

  /** Ends batches until none runs. */
  async finishAll(): Promise<void> {
    await settled();
    while (this.executors.some(({ running }) => running !== undefined)) {
      for (const executor of this.executors) if (executor.running !== undefined) executor.finish();
      await settled();
    }
  }
}

/** The one value of an answer, or the reason of its failure. */
async function outcome(answer: Promise<InferResponse>): Promise<number | string> {
  try {
    const { outputs } = await answer;
    assert.deepEqual(
      outputs.map(({ name, shape }) => [name, shape]),
      [['y', [1, 1]]],
    );
    return new Float32Array(new Uint8Array(outputs[0]?.data ?? []).buffer)[0] ?? Number.NaN;
  } catch (error) {
    return ServingError.from(error).reason ?? ServingError.from(error).code;
  }
}

for (const strategy of ['oldest', 'direct'] as const) {
  test(`${strategy}: each request finds the state that the one before it left`, async () => {
    const bench = new Bench({ strategy });
    const answers = [bench.send(7, 1, 's'), bench.send(7, 2), bench.send(7, 4, 'e')];
    await bench.finishAll();
    assert.deepEqual(await Promise.all(answers), [1, 3, 7]);
    assert.equal(bench.statistics.successes.length, 3);
    assert.deepEqual(
      bench.executor.batches.map((batch) => ['START', 'READY', 'END'].map((name) => inputOf(batch, name)[0])),
      [
        [1, 1, 0],
        [0, 1, 0],
        [0, 1, 1],
      ],
    );
  });

  test(`${strategy}: sequences do not see each other's state, and share batches`, async () => {
    const bench = new Bench({ strategy });
    const answers = [1, 2, 3].flatMap((id) => [
      bench.send(id, id, 's'),
      bench.send(id, 10 * id),
      bench.send(id, 100 * id, 'e'),
    ]);
    await bench.finishAll();
    assert.deepEqual(await Promise.all(answers), [1, 11, 111, 2, 22, 222, 3, 33, 333]);
    assert.ok(bench.executor.batches.length < 9);
    assert.equal(
      bench.statistics.batches.reduce((sum, { requests }) => sum + requests, 0),
      9,
    );
  });

  test(`${strategy}: a sequence that failed must be started again, with what waits in it`, async () => {
    const bench = new Bench({ strategy });
    const answers = [bench.send(7, 1, 's'), bench.send(7, 2), bench.send(7, 4), bench.send(7, 8, 's')];
    await settled();
    bench.executor.finish();
    await settled();
    bench.executor.fail(new ServingError('invalid_argument', 'no', { reason: 'NOT_COMPUTABLE' }));
    await bench.finishAll();
    assert.deepEqual(await Promise.all(answers), [1, 'NOT_COMPUTABLE', 'SEQUENCE_NOT_STARTED', 8]);
    const after = bench.send(7, 16);
    await bench.finishAll();
    assert.equal(await after, 24);
  });

  test(`${strategy}: a cancelled request ends its sequence, whether it waits or runs`, async () => {
    for (const [cancelled, expected] of [
      ['CANCELLED', 'SEQUENCE_NOT_STARTED', 'SEQUENCE_NOT_STARTED'],
      [1, 'CANCELLED', 'SEQUENCE_NOT_STARTED'],
    ].entries()) {
      const bench = new Bench({ strategy });
      const calls = expected.map(() => callAt(0));
      const answers = calls.map((call, at) => bench.send(7, 1, at === 0 ? 's' : '', call));
      await settled();
      calls[cancelled]?.cancel();
      await bench.finishAll();
      assert.deepEqual(await Promise.all(answers), expected);
      assert.equal(await bench.send(7, 1), 'SEQUENCE_NOT_STARTED');
      assert.equal(bench.executor.batches.length, 1);
    }
  });

  test(`${strategy}: a request whose deadline passes in its sequence is not run`, async () => {
    const bench = new Bench({ strategy });
    const answers = [bench.send(7, 1, 's'), bench.send(7, 1, '', callAt(0, { deadline: 50 }))];
    await settled();
    bench.clock.advance(51);
    assert.equal(await answers[1], 'DEADLINE_EXCEEDED');
    await bench.finishAll();
    assert.equal(await answers[0], 1);
    assert.equal(bench.executor.batches.length, 1);
  });

  test(`${strategy}: a sequence that waits for a slot gets that of one that ends`, async () => {
    const bench = new Bench({ strategy, slots: 2 });
    const answers = [
      bench.send(1, 1, 's'),
      bench.send(2, 2, 's'),
      bench.send(3, 3, 'se'),
      bench.send(4, 4, 'se'),
    ];
    await bench.finishAll();
    assert.deepEqual(await Promise.all(answers.slice(0, 2)), [1, 2]);
    answers.push(bench.send(2, 20, 'e'));
    await bench.finishAll();
    assert.deepEqual(await Promise.all(answers), [1, 2, 3, 4, 22]);
  });

  test(`${strategy}: an idle sequence ends, and leaves its slot to the next`, async () => {
    const bench = new Bench({ strategy, slots: 1 });
    const first = bench.send(1, 1, 's');
    await bench.finishAll();
    assert.equal(await first, 1);
    bench.clock.advance(900);
    const again = bench.send(1, 1);
    const other = bench.send(2, 5, 's');
    await bench.finishAll();
    assert.equal(await again, 2);
    bench.clock.advance(999);
    assert.equal(bench.executor.batches.length, 2);
    bench.clock.advance(126);
    await bench.finishAll();
    assert.equal(await other, 5);
    assert.equal(await bench.send(1, 1), 'SEQUENCE_NOT_STARTED');
  });

  test(`${strategy}: a target is drained when what runs has ended, and what waits for a slot is refused`, async () => {
    const bench = new Bench({ strategy, slots: 1 });
    const answers = [bench.send(1, 1, 's'), bench.send(1, 2), bench.send(2, 5, 's')];
    await settled();
    let drained = false;
    const draining = bench.batcher.drained(bench.target).then(() => (drained = true));
    assert.equal(await answers[2], 'MODEL_NOT_READY');
    assert.equal(drained, false);
    await bench.finishAll();
    await draining;
    assert.deepEqual(await Promise.all(answers.slice(0, 2)), [1, 3]);
    assert.equal(bench.clock.pending, 0);
  });
}

const anyTurns = fc.array(
  fc.record({
    id: fc.integer({ min: 1, max: 4 }),
    value: fc.integer({ min: 1, max: 100 }),
    flags: fc.constantFrom('', '', '', 's', 'e', 'se'),
    finishes: fc.boolean(),
  }),
  { minLength: 1, maxLength: 25 },
);

for (const strategy of ['oldest', 'direct'] as const) {
  test(`${strategy}: whatever comes in whatever order, each sequence adds up by itself`, async () => {
    const property = fc.asyncProperty(anyTurns, async (turns) => {
      const bench = new Bench({ strategy, maxBatchSize: 2, instances: 2 });
      const sums = new Map<number, number>();
      const expected: (number | string)[] = [];
      const answers: Promise<number | string>[] = [];
      for (const { id, value, flags, finishes } of turns) {
        const before = flags.includes('s') ? 0 : sums.get(id);
        expected.push(before === undefined ? 'SEQUENCE_NOT_STARTED' : before + value);
        if (before === undefined || flags.includes('e')) sums.delete(id);
        else sums.set(id, before + value);
        answers.push(bench.send(id, value, flags));
        await settled();
        if (finishes) bench.executors.find(({ running }) => running !== undefined)?.finish();
      }
      await bench.finishAll();
      assert.deepEqual(await Promise.all(answers), expected);
    });
    await fc.assert(property, { numRuns: 30 });
  });
}

test('rows of the direct strategy are slots, and those without a request are not ready', async () => {
  const bench = new Bench({ strategy: 'direct' });
  const starts = [1, 2, 3].map((id) => bench.send(id, id, 's'));
  await bench.finishAll();
  await Promise.all(starts);
  const next = bench.send(3, 30);
  await settled();
  assert.deepEqual(inputOf(bench.executor.running, 'READY'), [0, 0, 1]);
  assert.deepEqual(inputOf(bench.executor.running, 'START'), [0, 0, 0]);
  assert.deepEqual(inputOf(bench.executor.running, 'sum')[2], 3);
  await bench.finishAll();
  assert.equal(await next, 33);
  const untouched = bench.send(1, 10);
  await bench.finishAll();
  assert.equal(await untouched, 11);
});

test('instances of the direct strategy run their slots at once', async () => {
  const bench = new Bench({ strategy: 'direct', slots: 8, instances: 2 });
  const answers = [bench.send(1, 1, 's'), bench.send(2, 2, 's')];
  await settled();
  assert.deepEqual(
    bench.executors.map(({ rows }) => rows),
    [[1], [1]],
  );
  await bench.finishAll();
  assert.deepEqual(await Promise.all(answers), [1, 2]);
});

test('a start begins anew, and after an end nothing goes on', async () => {
  const bench = new Bench();
  const answers = [bench.send(7, 1, 's'), bench.send(7, 2, 's'), bench.send(7, 4, 'e')];
  assert.equal(await bench.send(7, 8), 'SEQUENCE_NOT_STARTED');
  answers.push(bench.send(7, 16, 's'));
  await bench.finishAll();
  assert.deepEqual(await Promise.all(answers), [1, 2, 6, 16]);
});

test('an ID belongs to its caller, and a number is not its text', async () => {
  const bench = new Bench();
  const of = (name: string) => callAt(0, { principal: principalNamed(name) });
  const answers = [
    bench.send(7, 1, 's', of('ann')),
    bench.send(7, 2, 's', of('bob')),
    bench.send('7', 4, 's', of('ann')),
  ];
  await bench.finishAll();
  answers.push(
    bench.send(7, 10, '', of('ann')),
    bench.send(7, 10, '', of('bob')),
    bench.send('7', 10, '', of('ann')),
  );
  await bench.finishAll();
  assert.deepEqual(await Promise.all(answers), [1, 2, 4, 11, 12, 14]);
  assert.equal(await bench.send(7, 1, '', of('eve')), 'SEQUENCE_NOT_STARTED');
});

const refused: readonly (readonly [
  what: string,
  id: Parameter | undefined,
  flags: string,
  reason: string,
])[] = [
  ['without an ID', undefined, 's', 'SEQUENCE_ID_MISSING'],
  ['with the ID 0', 0, 's', 'SEQUENCE_ID_MISSING'],
  ['with an empty ID', '', 's', 'SEQUENCE_ID_MISSING'],
  ['that starts nothing', 7, '', 'SEQUENCE_NOT_STARTED'],
  ['that only ends', 7, 'e', 'SEQUENCE_NOT_STARTED'],
];
for (const [what, id, flags, reason] of refused) {
  test(`a request ${what} is refused and counted`, async () => {
    const bench = new Bench();
    assert.equal(await bench.send(id, 1, flags), reason);
    assert.deepEqual(
      bench.statistics.failures.map((failure) => failure.reason),
      ['OTHER'],
    );
  });
}

test('a request of several rows is refused', async () => {
  const bench = new Bench();
  const parameters = { sequence_id: 7, sequence_start: true };
  const request = buildRequest({ inputs: [floats('x', [1, 2])], outputs: ['y'], parameters });
  assert.equal(await outcome(bench.batcher.submit(bench.target, request, callAt(0))), 'SEQUENCE_BATCH_SIZE');
});

test('live sequences and the bytes of their states are bounded', async () => {
  const few = new Bench({ maxSequences: 2 });
  const small = new Bench({ maxStateBytes: 8 });
  for (const [bench, reason] of [
    [few, 'TOO_MANY_SEQUENCES'],
    [small, 'SEQUENCE_STATES_TOO_LARGE'],
  ] as const) {
    const answers = [bench.send(1, 1, 's'), bench.send(2, 2, 's')];
    assert.equal(await bench.send(3, 3, 's'), reason);
    answers.push(bench.send(1, 10, 'e'));
    await bench.finishAll();
    assert.deepEqual(await Promise.all(answers), [1, 2, 11]);
    const later = bench.send(3, 3, 's');
    await bench.finishAll();
    assert.equal(await later, 3);
  }
});

test('a state that the configuration does not allow ends the sequence', async () => {
  const bench = new Bench({
    compute: (batch) =>
      batch.outputs.map((name) => ({ ...floats(name, [1]), ...(name === 'total' ? { shape: [1] } : {}) })),
  });
  const answers = [bench.send(7, 1, 's'), bench.send(7, 1)];
  await bench.finishAll();
  assert.deepEqual(await Promise.all(answers), ['INFERENCE_FAILED', 'SEQUENCE_NOT_STARTED']);
});

test('the model learns the correlation ID where it asks for it', async () => {
  const corrid = {
    kind: 'corrid',
    name: 'ID',
    datatype: 'UINT64',
    on: new Uint8Array(),
    off: new Uint8Array(),
  } as const;
  const bench = new Bench({ controls: [corrid] });
  const answer = bench.send(2n ** 63n + 5n, 1, 's');
  await settled();
  const id = bench.executor.running?.inputs.find(({ name }) => name === 'ID');
  assert.deepEqual(
    [id?.datatype, id?.shape, Buffer.concat(id?.parts ?? []).readBigUInt64LE()],
    ['UINT64', [1, 1], 2n ** 63n + 5n],
  );
  await bench.finishAll();
  assert.equal(await answer, 1);
  assert.equal(await bench.send('text', 1, 's'), 'SEQUENCE_ID_INVALID');
});

test('requests to other models go on as they are', async () => {
  const bench = new Bench();
  const executor = new PuppetExecutor();
  const plain = buildTarget([executor]);
  const answer = bench.batcher.submit(plain, buildRequest({ outputs: ['y'] }), callAt(0));
  await settled();
  executor.finish();
  assert.equal((await answer).outputs.length, 1);
  await bench.batcher.drained(plain);
});
