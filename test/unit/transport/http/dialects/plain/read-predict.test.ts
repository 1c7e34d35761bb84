import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../../../src/errors.ts';
import type { ModelCatalog, TensorMetadata } from '../../../../../../src/inference/catalog.ts';
import type { Feature, ModelFeatures } from '../../../../../../src/inference/features.ts';
import { plainErrorReply } from '../../../../../../src/transport/http/dialects/plain/invalid-features.ts';
import {
  readPredict,
  type PredictForm,
  type PredictRequest,
} from '../../../../../../src/transport/http/dialects/plain/read-predict.ts';
import { noNames } from '../../../../../../src/transport/http/endpoint-table.ts';
import { fakeCatalog } from '../../../../../support/fake-catalog.ts';

interface Model {
  readonly inputs: readonly TensorMetadata[];
  readonly features?: readonly Partial<Feature>[];
  readonly maxBatchSize?: number;
  readonly optional?: readonly string[];
  readonly maxBytes?: number;
}

function catalogOf({ inputs, features, maxBatchSize = 8, optional = [] }: Model): ModelCatalog {
  const metadata = { name: 'm', versions: ['1', '3'], platform: '', inputs, outputs: [] };
  const file: ModelFeatures = {
    description: '',
    nonFinite: 'refuse',
    outputs: { prediction: '', probabilities: '', logits: '' },
    classes: [],
    features: (features ?? []).map((given) => ({
      name: '',
      description: '',
      type: 'number',
      input: 'x',
      min: undefined,
      max: undefined,
      values: [],
      default: undefined,
      nonFinite: 'refuse',
      ...given,
    })),
  };
  return {
    ...fakeCatalog([metadata]),
    config: () => ({
      max_batch_size: maxBatchSize,
      input: inputs.map(({ name }) => ({ name, optional: optional.includes(name) })),
    }),
    features: () => (features === undefined ? undefined : file),
  };
}

function read(model: Model, features: string, form: PredictForm = 'single'): PredictRequest {
  return readPredict({
    catalog: catalogOf(model),
    defaultModel: '',
    path: { ...noNames, model: 'm' },
    bytes: Buffer.from(`{"features":${features}}`),
    form,
    maxBytes: model.maxBytes ?? 1 << 20,
  });
}

/** Name, shape and elements of each input of the only request. */
function tensors(asked: PredictRequest): unknown {
  assert.equal(asked.requests.length, 1);
  return asked.requests[0]?.inputs.map(({ name, shape, datatype, data }) => {
    const bytes = new Uint8Array(data).buffer;
    const numbers = { FP32: Float32Array, INT64: BigInt64Array, UINT8: Uint8Array, FP64: Float64Array };
    if (datatype === 'BYTES') return [name, shape, Buffer.from(bytes).toString('latin1')];
    assert.ok(datatype in numbers);
    return [name, shape, [...new numbers[datatype as keyof typeof numbers](bytes)]];
  });
}

function detailsOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ServingError);
    assert.equal(error.reason, 'INVALID_FEATURES', error.message);
    const reply = JSON.parse(Buffer.concat(plainErrorReply(error).pieces).toString()) as { details: unknown };
    return reply.details;
  }
  return assert.fail('nothing was refused');
}

const x = (...shape: readonly number[]): TensorMetadata => ({ name: 'x', datatype: 'FP32', shape });
const listed: Model = {
  inputs: [x(-1, 3)],
  features: [{ name: 'a' }, { name: 'b', min: 0, max: 10 }, { name: 'c', type: 'integer', default: 7 }],
};
const two: Model = {
  inputs: [
    { name: 'age', datatype: 'INT64', shape: [-1, 1] },
    { name: 'city', datatype: 'BYTES', shape: [-1, 1] },
  ],
};

describe('features become tensors', () => {
  const cases: readonly (readonly [string, Model, string, PredictForm, unknown])[] = [
    ['a list', { inputs: [x(-1, 3)] }, '[1,2.5,-3]', 'single', [['x', [1, 3], [1, 2.5, -3]]]],
    ['nested lists', { inputs: [x(-1, 2, 2)] }, '[[1,2],[3,4]]', 'single', [['x', [1, 2, 2], [1, 2, 3, 4]]]],
    ['a variable size', { inputs: [x(-1, -1)] }, '[1,2]', 'single', [['x', [1, 2], [1, 2]]]],
    ['no dimension of rows', { inputs: [x(2)], maxBatchSize: 0 }, '[1,2]', 'single', [['x', [2], [1, 2]]]],
    ['an input by name', { inputs: [x(-1, 2)] }, '{"x":[1,2]}', 'single', [['x', [1, 2], [1, 2]]]],
    ['features in order', listed, '[1,2,3]', 'single', [['x', [1, 3], [1, 2, 3]]]],
    ['features by name', listed, '{"c":3,"a":1,"b":2}', 'single', [['x', [1, 3], [1, 2, 3]]]],
    ['a default', listed, '{"b":2,"a":1}', 'single', [['x', [1, 3], [1, 2, 7]]]],
    ['a default for null', listed, '[1,2,null]', 'single', [['x', [1, 3], [1, 2, 7]]]],
    ['rows', listed, '[[1,2,3],{"a":4,"b":5}]', 'batch', [['x', [2, 3], [1, 2, 3, 4, 5, 7]]]],
    [
      'inputs of one value in a list',
      two,
      '[41,"Oslo"]',
      'single',
      [
        ['age', [1, 1], [41n]],
        ['city', [1, 1], '\x04\0\0\0Oslo'],
      ],
    ],
    [
      'inputs of one value by name',
      two,
      '{"city":"é","age":9007199254740993}',
      'single',
      [
        ['age', [1, 1], [9007199254740993n]],
        ['city', [1, 1], '\x02\0\0\0\xc3\xa9'],
      ],
    ],
    [
      'an optional input left out',
      { ...two, optional: ['city'] },
      '{"age":1}',
      'single',
      [['age', [1, 1], [1n]]],
    ],
    [
      'NaN for null where it is allowed',
      { inputs: [x(-1, 1)], features: [{ name: 'a', nonFinite: 'nan' }] },
      '[null]',
      'single',
      [['x', [1, 1], [NaN]]],
    ],
    [
      'booleans as numbers',
      {
        inputs: [x(-1, 2)],
        features: [
          { name: 'a', type: 'boolean' },
          { name: 'b', type: 'boolean' },
        ],
      },
      '[true,false]',
      'single',
      [['x', [1, 2], [1, 0]]],
    ],
  ];
  for (const [title, model, features, form, expected] of cases) {
    it(title, () => assert.deepEqual(tensors(read(model, features, form)), expected));
  }

  it('rows beyond the largest batch become further requests', () => {
    const { requests } = read({ ...listed, maxBatchSize: 2 }, '[[1,2,3],[4,5,6],[7,8,9]]', 'batch');
    assert.deepEqual(
      requests.map(({ inputs }) => inputs[0]?.shape),
      [
        [2, 3],
        [1, 3],
      ],
    );
  });

  it('each row is a request for a model without a dimension of rows', () => {
    const { requests } = read({ inputs: [x(2)], maxBatchSize: 0 }, '[[1,2],[3,4]]', 'batch');
    assert.deepEqual(
      requests.map(({ inputs }) => inputs[0]?.shape),
      [[2], [2]],
    );
  });
});

describe('every feature that is wrong is told', () => {
  const cases: readonly (readonly [string, Model, string, PredictForm, unknown])[] = [
    [
      'by its place in a list',
      listed,
      '["1",11,2.5]',
      'single',
      [
        { index: 0, feature: 'a', problem: 'must be a number' },
        { index: 1, feature: 'b', problem: 'must be at most 10, is 11' },
        { index: 2, feature: 'c', problem: 'must be a whole number' },
      ],
    ],
    [
      'when it is missing, unknown or there twice',
      listed,
      '{"b":1,"b":2,"d":{"e":[1]}}',
      'single',
      [
        { index: 1, feature: 'b', problem: 'is there twice' },
        { feature: 'd', problem: 'is no feature of the model' },
        { index: 0, feature: 'a', problem: 'is missing' },
      ],
    ],
    [
      'when the list is too long',
      listed,
      '[1,2,3,4,5]',
      'single',
      [{ index: 3, problem: 'is one too many: there are 3, not 5' }],
    ],
    [
      'when the list is too short',
      listed,
      '[]',
      'single',
      [
        { index: 0, feature: 'a', problem: 'is missing' },
        { index: 1, feature: 'b', problem: 'is missing' },
      ],
    ],
    [
      'with its row',
      listed,
      '[[1,2,3],[1,-2,3],[null,2,3]]',
      'batch',
      [
        { row: 1, index: 1, feature: 'b', problem: 'must be at least 0, is -2' },
        { row: 2, index: 0, feature: 'a', problem: 'must not be null' },
      ],
    ],
    [
      'when it is a list or an object',
      listed,
      '[[1],{"a":1},3]',
      'single',
      [
        { index: 0, feature: 'a', problem: 'must be one value' },
        { index: 1, feature: 'b', problem: 'must be one value' },
      ],
    ],
    [
      'where features are not listed',
      { inputs: [x(-1, 2)] },
      '[1e39,NaN,3]',
      'single',
      [
        { index: 0, problem: 'is out of range for FP32' },
        { index: 1, problem: 'must not be NaN' },
        { feature: 'x', problem: 'takes 2 values, got 3' },
      ],
    ],
    [
      'where an input is missing',
      { inputs: [x(-1, 2), { ...x(-1, 1), name: 'y' }] },
      '[{"x":[1,2]},{"y":1,"z":1}]',
      'batch',
      [
        { row: 0, feature: 'y', problem: 'is missing' },
        { row: 1, feature: 'y', problem: 'must be in every row' },
        { row: 1, feature: 'z', problem: 'is no input of the model' },
        { row: 1, feature: 'x', problem: 'is missing' },
      ],
    ],
    [
      'where rows differ in their size',
      { inputs: [x(-1, -1)] },
      '[[1,2],[1]]',
      'batch',
      [{ row: 1, feature: 'x', problem: 'must have as many values in every row, 2 as in the first, got 1' }],
    ],
  ];
  for (const [title, model, features, form, expected] of cases) {
    it(title, () =>
      assert.deepEqual(
        detailsOf(() => read(model, features, form)),
        expected,
      ),
    );
  }

  it('at most a thousand are listed, and all are counted', () => {
    const rows = JSON.stringify(Array.from({ length: 1001 }, () => ['', 1, 2]));
    try {
      read(listed, rows, 'batch');
      assert.fail('nothing was refused');
    } catch (error) {
      const text = Buffer.concat(plainErrorReply(error).pieces).toString();
      const body = JSON.parse(text) as { error: string; details: unknown[]; details_left_out: number };
      assert.match(body.error, /^1001 features are wrong: .*; and 996 more$/);
      assert.deepEqual([body.details.length, body.details_left_out], [1000, 1]);
    }
  });
});

describe('a request for a prediction is refused', () => {
  const ask = (text: string, form: PredictForm = 'single', model = listed, path = 'm'): PredictRequest =>
    readPredict({
      catalog: catalogOf(model),
      defaultModel: '',
      path: { ...noNames, model: path },
      bytes: Buffer.from(text),
      form,
      maxBytes: model.maxBytes ?? 1 << 20,
    });

  const cases: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['without features', () => ask('{}'), /the request has no 'features'/],
    ['with unknown fields', () => ask('{"feature":[1]}'), /unknown field 'feature'; there are features, id/],
    ['with a model beside that of the path', () => ask('{"model":"n"}'), /unknown field 'model'/],
    ['with features twice', () => ask('{"features":[1,2,3],"features":[1,2,3]}'), /unknown field 'features'/],
    ['with an id that is no text', () => ask('{"id":1}'), /'id'/],
    ['with features that are one value', () => ask('{"features":1}'), /'features'/],
    ['with rows that are none', () => ask('{"features":{}}', 'batch'), /a list of rows/],
    ['with no rows', () => ask('{"features":[]}', 'batch'), /an empty list of rows/],
    [
      'with too many rows',
      () => ask(`{"features":[${'[1,2,3],'.repeat(4096)}[1,2,3]]}`, 'batch'),
      /more than 4096/,
    ],
    ['with something behind it', () => ask('{"features":[1,2,3]}x'), /something follows/],
    [
      'with a list for several inputs',
      () => ask('{"features":[1]}', 'single', { inputs: [x(-1, 2), { ...x(-1, 2), name: 'y' }] }),
      /must be an object, as the model has 2 inputs: 'x', 'y'/,
    ],
    [
      'with more values than its tensors may take',
      () => ask('{"features":[1,2,3,4,5]}', 'single', { inputs: [x(-1, -1)], maxBytes: 16 }),
      /exceeds the maximum/,
    ],
    [
      'with more values than are held one by one',
      () =>
        ask(`{"features":[${'1,'.repeat(1 << 21)}1]}`, 'single', { inputs: [x(-1, -1)], maxBytes: 1 << 30 }),
      /more than 2097152 values/,
    ],
  ];
  for (const [title, run, text] of cases) {
    it(title, () => {
      assert.throws(run, (error) => error instanceof ServingError && text.test(error.message));
    });
  }

  it('or answered by the model that its body names', () => {
    assert.equal(ask('{"features":[1,2,3],"version":"1","model":"m"}', 'single', listed, '').version, '1');
    assert.equal(ask('{"features":[1,2,3]}', 'single', listed, '').model.name, 'm');
  });
});
