import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import type { ModelSpec } from '../../../src/inference/model-spec.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import { warmUp } from '../../../src/models/warm-up.ts';
import { buildSpec, buildTensorSpec } from '../../support/build-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';

interface Warmed {
  readonly config?: string;
  readonly executors?: readonly PuppetExecutor[];
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** Warms up and returns the rows of the first executor's batches. */
async function warmed(
  spec: ModelSpec,
  { config = '', executors = [new PuppetExecutor({ inline: true })], files = {} }: Warmed = {},
): Promise<PuppetExecutor> {
  await warmUp(spec, configFromPbtxt(config, 'm'), executors, {
    clock: new FakeClock(),
    logger: silentLogger,
    readSample: (name) => Promise.resolve(files[name] ?? new Uint8Array()),
  });
  return executors[0]!;
}

test('without samples every executor runs zeros, at one row and at the largest batch', async () => {
  const executors = [new PuppetExecutor({ inline: true }), new PuppetExecutor({ inline: true })];
  await warmed(buildSpec({ maxBatchSize: 8 }), { executors });
  for (const { batches, rows } of executors) {
    assert.deepEqual([...new Set(rows)].slice(0, 2), [1, 8]);
    assert.deepEqual(batches[0]?.inputs[0]?.shape, [1, 2]);
    const largest = batches[rows.indexOf(8)]?.inputs[0];
    assert.deepEqual(largest?.shape, [8, 2]);
    assert.ok(largest?.parts[0]?.every((byte) => byte === 0));
    assert.ok(batches.every(({ rehearsal }) => rehearsal === true));
  }
});

test('the sizes in between run on one executor, and the cheapest run of each size is what it costs', async () => {
  const clock = new FakeClock();
  const options = { clock, logger: silentLogger, readSample: () => Promise.resolve(new Uint8Array()) };
  const executors = [1, 2].map(() => new PuppetExecutor({ clock, serviceMs: (rows) => 2 + rows / 2 }));
  const warm = warmUp(buildSpec({ maxBatchSize: 8 }), configFromPbtxt('', 'm'), executors, options);
  await clock.advanceSettling(200);
  assert.deepEqual((await warm).costs, [
    { rows: 1, ms: 2.5 },
    { rows: 2, ms: 3 },
    { rows: 4, ms: 4 },
    { rows: 8, ms: 6 },
  ]);
  assert.deepEqual(
    executors.map(({ rows }) => [...new Set(rows)]),
    [
      [1, 8, 2, 4],
      [1, 8],
    ],
  );
});

test('a model whose batches take long serves without the sizes in between being known', async () => {
  const clock = new FakeClock();
  const options = { clock, logger: silentLogger, readSample: () => Promise.resolve(new Uint8Array()) };
  const executor = new PuppetExecutor({ clock, serviceMs: (rows) => 40 * rows });
  const warm = warmUp(buildSpec({ maxBatchSize: 8 }), configFromPbtxt('', 'm'), [executor], options);
  await clock.advanceSettling(3000);
  assert.deepEqual(
    (await warm).costs.map(({ rows }) => rows),
    [1, 2, 8],
  );
});

test('a model without a batch dimension runs its whole shape; free dimensions are 1', async () => {
  const { batches } = await warmed(
    buildSpec({ maxBatchSize: 0, inputs: [buildTensorSpec('x', { dims: [-1, 3, -1] })] }),
  );
  assert.deepEqual(batches[0]?.inputs[0]?.shape, [1, 3, 1]);
  assert.equal(batches[0]?.rows, 1);
});

test('optional inputs are left out, reshaped ones have the shape of the model, texts are empty', async () => {
  const inputs = [
    buildTensorSpec('text', { datatype: 'BYTES', dims: [2] }),
    buildTensorSpec('flat', { dims: [4], reshape: [2, 2] }),
    buildTensorSpec('extra', { optional: true }),
  ];
  const { batches } = await warmed(buildSpec({ maxBatchSize: 1, inputs }));
  assert.deepEqual(
    batches[0]?.inputs.map(({ name, shape, sizeBytes }) => [name, shape, sizeBytes]),
    [
      ['text', [1, 2], 8],
      ['flat', [1, 2, 2], 16],
    ],
  );
});

test('a lone integer is 1: as an axis, a size or a rate zero may never end', async () => {
  const inputs = [
    buildTensorSpec('axis', { datatype: 'INT64', dims: [] }),
    buildTensorSpec('ids', { datatype: 'INT64', dims: [2] }),
    buildTensorSpec('scale', { datatype: 'FP32', dims: [] }),
  ];
  const { batches } = await warmed(buildSpec({ maxBatchSize: 0, inputs }));
  const bytes = batches[0]?.inputs.map(({ parts }) => Buffer.concat(parts).toString('hex'));
  assert.deepEqual(bytes, ['0100000000000000', '0'.repeat(32), '00000000']);
});

test('a model that takes no zeros loads all the same', async () => {
  const compute = (): never => {
    throw new ServingError('invalid_argument', 'zero is not a year');
  };
  await warmed(buildSpec(), { executors: [new PuppetExecutor({ inline: true, compute })] });
});

test('an executor that dies over zeros fails the load', async () => {
  const compute = (): never => {
    throw new ServingError('unavailable', 'the instance ended');
  };
  await assert.rejects(warmed(buildSpec(), { executors: [new PuppetExecutor({ inline: true, compute })] }), {
    code: 'unavailable',
  });
});

test('a run with zeros that does not end fails the load, and a long one that does is waited for', async () => {
  const clock = new FakeClock();
  const options = { clock, logger: silentLogger, readSample: () => Promise.resolve(new Uint8Array()) };
  const executor = new PuppetExecutor();
  const stuck = warmUp(buildSpec({ maxBatchSize: 0 }), configFromPbtxt('', 'm'), [executor], options);
  clock.advance(120_000);
  await assert.rejects(stuck, { code: 'unavailable', message: /did not end within 120 s/ });
  const slow = new PuppetExecutor({ clock, serviceMs: () => 119_000 });
  const warm = warmUp(buildSpec({ maxBatchSize: 0 }), configFromPbtxt('', 'm'), [slow], options);
  await clock.advanceSettling(600_000);
  await warm;
  assert.deepEqual([slow.rows, clock.pending], [[1], 0]);
});

test('zeros that would be very large are not made', async () => {
  const { batches } = await warmed(
    buildSpec({ maxBatchSize: 8, inputs: [buildTensorSpec('x', { dims: [1024, 1024] })] }),
  );
  assert.deepEqual([...new Set(batches.map(({ rows }) => rows))], [1, 2, 4]);
});

const sample = (inside: string, batch = 2): string =>
  `model_warmup { name: "s" batch_size: ${batch} count: 3 inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 2 ] ${inside} } } }`;

test('configured samples run instead of zeros, as often as they say', async () => {
  const { batches } = await warmed(buildSpec(), { config: sample('zero_data: true') });
  assert.deepEqual(
    batches.map(({ rows }) => rows),
    [2, 2, 2],
  );
  assert.deepEqual(batches[0]?.inputs[0]?.shape, [2, 2]);
});

test('the event loop turns between the runs of a sample, which may compute on its thread', async () => {
  const executor = new PuppetExecutor({ inline: true });
  const runsPerTurn: number[] = [];
  await warmUp(buildSpec(), configFromPbtxt(sample('zero_data: true'), 'm'), [executor], {
    clock: new FakeClock(),
    logger: silentLogger,
    readSample: () => Promise.resolve(new Uint8Array()),
    nextTurn: async () => void runsPerTurn.push(executor.rows.length),
  });
  assert.deepEqual(runsPerTurn, [1, 2, 3]);
});

test('random data are numbers between 0 and 1', async () => {
  const { batches } = await warmed(buildSpec(), { config: sample('random_data: true') });
  const bytes = batches[0]?.inputs[0]?.parts[0] ?? new Uint8Array();
  const values = new Float32Array(new Uint8Array(bytes).buffer);
  assert.equal(values.length, 4);
  assert.ok(values.every((value) => value >= 0 && value < 1));
  assert.ok(values.some((value) => value > 0));
});

test('data may come from a file of the model', async () => {
  const data = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);
  const { batches } = await warmed(buildSpec(), {
    config: sample('input_data_file: "rows"'),
    files: { rows: data },
  });
  assert.deepEqual(batches[0]?.inputs[0]?.parts[0], data);
});

const wrong: readonly (readonly [string, string, RegExp])[] = [
  ['a file of another size', sample('input_data_file: "rows"'), /has 0 bytes of data, its dims need 16/],
  ['more rows than the model takes', sample('zero_data: true', 9), /batch_size 9/],
  ['no input', 'model_warmup { name: "s" batch_size: 1 }', /there is no input 'x'/],
  [
    'an input that the model has not',
    `${sample('zero_data: true').slice(0, -1)} inputs { key: "z" value { data_type: TYPE_FP32 dims: [ 2 ] zero_data: true } } }`,
    /input 'z' is not one of the model/,
  ],
  [
    'another datatype',
    sample('zero_data: true').replace('TYPE_FP32', 'TYPE_INT64'),
    /has data_type TYPE_INT64, the model's is FP32/,
  ],
  [
    'more runs than anybody waits for',
    sample('zero_data: true').replace('count: 3', 'count: 10001'),
    /count 10001 is more than 10000/,
  ],
  ['too many bytes', sample('zero_data: true').replace('[ 2 ]', '[ 99999999999 ]'), /has more than/],
];

for (const [title, config, text] of wrong) {
  test(`a configured sample with ${title} fails the load`, async () => {
    await assert.rejects(warmed(buildSpec(), { config }), (error) => {
      assert.ok(error instanceof ServingError);
      assert.equal(error.code, 'invalid_argument');
      assert.match(error.message, text);
      return true;
    });
  });
}

test('a configured sample that the model refuses fails the load', async () => {
  const compute = (): never => {
    throw new ServingError('invalid_argument', 'zero is not a year');
  };
  const executors = [new PuppetExecutor({ inline: true, compute })];
  await assert.rejects(warmed(buildSpec(), { config: sample('zero_data: true'), executors }), /not a year/);
});

function warmedUp(spec: ModelSpec, config = '', executor = new PuppetExecutor({ inline: true })) {
  return warmUp(spec, configFromPbtxt(config, 'm'), [executor], {
    clock: new FakeClock(),
    logger: silentLogger,
    readSample: () => Promise.resolve(new Uint8Array()),
  });
}

test('one small batch that ran is kept for trying the model again, in memory that threads share', async () => {
  const { sample: zeros } = await warmedUp(buildSpec({ maxBatchSize: 8 }));
  const [input] = zeros?.inputs ?? [];
  assert.deepEqual([zeros?.rows, input?.shape, input?.sizeBytes], [1, [1, 2], 8]);
  assert.ok(input?.parts[0]?.buffer instanceof SharedArrayBuffer);
  const { sample: configured } = await warmedUp(buildSpec(), sample('zero_data: true'));
  assert.equal(configured?.rehearsal, undefined);
  assert.equal(configured?.inputs.length, 1);
});

test('nothing is kept of a model that takes no zeros, or whose smallest batch is large', async () => {
  const compute = (): never => {
    throw new ServingError('invalid_argument', 'zero is not a year');
  };
  const refusing = new PuppetExecutor({ inline: true, compute });
  assert.equal((await warmedUp(buildSpec(), '', refusing)).sample, undefined);
  const large = buildSpec({ maxBatchSize: 0, inputs: [buildTensorSpec('x', { dims: [1024, 1025] })] });
  assert.equal((await warmedUp(large)).sample, undefined);
});
