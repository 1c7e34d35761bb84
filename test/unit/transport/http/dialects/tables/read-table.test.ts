import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ModelCatalog, TensorMetadata } from '../../../../../../src/inference/catalog.ts';
import {
  readCsvTable,
  readRecords,
  readSplit,
  type TableBody,
  type TableRequest,
} from '../../../../../../src/transport/http/dialects/tables/read-table.ts';
import { fakeCatalog } from '../../../../../support/fake-catalog.ts';

const one: readonly TensorMetadata[] = [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }];
const two: readonly TensorMetadata[] = [
  { name: 'age', datatype: 'INT64', shape: [-1, 1] },
  { name: 'city', datatype: 'BYTES', shape: [-1, 1] },
];

function catalogOf(inputs: readonly TensorMetadata[], names: readonly string[]): ModelCatalog {
  const metadata = { name: 'm', versions: ['1'], platform: '', inputs, outputs: [] };
  const features = names.map((name) => ({
    name,
    description: '',
    type: 'number' as const,
    input: 'x',
    min: undefined,
    max: undefined,
    values: [],
    default: undefined,
    nonFinite: 'refuse' as const,
  }));
  const outputs = { prediction: '', probabilities: '', logits: '' };
  return {
    ...fakeCatalog([metadata]),
    config: () => ({ max_batch_size: 8 }),
    features: () =>
      names.length === 0
        ? undefined
        : { description: '', features, nonFinite: 'refuse', outputs, classes: [] },
  };
}

function bodyOf(text: string, inputs = one, names: readonly string[] = []): TableBody {
  const bytes = Buffer.from(text);
  return { catalog: catalogOf(inputs, names), model: 'm', version: '', bytes, maxBytes: 1 << 20 };
}

function values({ requests }: TableRequest): unknown {
  return requests[0]?.inputs.map(({ name, shape, datatype, data }) => {
    const bytes = new Uint8Array(data).buffer;
    if (datatype === 'BYTES') return [name, shape, Buffer.from(bytes).toString('latin1')];
    return [name, shape, [...(datatype === 'FP32' ? new Float32Array(bytes) : new BigInt64Array(bytes))]];
  });
}

const swapped = [['x', [1, 2], [2, 1]]];
const inOrder = [['x', [1, 2], [1, 2]]];

describe('rows of a table', () => {
  const split = [
    ['in the order of the only input', '{"columns":["p","q"],"index":[7],"data":[[1,2]]}', [], inOrder],
    ['without names', '{"data":[[1,2]]}', [], inOrder],
    ['with numbers for names', '{"data":[[1,2]],"columns":[0,1]}', ['a', 'b'], inOrder],
    ['by the names of features', '{"columns":["b","a"],"data":[[1,2]]}', ['a', 'b'], swapped],
    ['beside columns of no feature', '{"columns":["b","c","a"],"data":[[1,[3],2]]}', ['a', 'b'], swapped],
  ] as const;
  for (const [title, text, names, expected] of split) {
    it(`split: ${title}`, () => assert.deepEqual(values(readSplit(bodyOf(text, one, names), 0)), expected));
  }

  it('records: by name, with columns in the order of the first one', () => {
    assert.deepEqual(values(readRecords(bodyOf('[{"p":1,"q":2},{"q":4,"p":3}]'), 0)), [
      ['x', [2, 2], [1, 2, 3, 4]],
    ]);
    assert.deepEqual(values(readRecords(bodyOf('[{"b":1,"a":2}]', one, ['a', 'b']), 0)), swapped);
  });

  it('records: a column of lists for the only input', () => {
    assert.deepEqual(values(readRecords(bodyOf('[{"x":[1,2]}]'), 0)), inOrder);
  });

  it('CSV: numbers, texts as they are, and words for what is missing', () => {
    assert.deepEqual(values(readCsvTable(bodyOf('p,q\n1.,.5\n-1e2,nan\n, 7\ninf,-inf'), 'named')), [
      ['x', [4, 2], [1, 0.5, -100, NaN, NaN, 7, Infinity, -Infinity]],
    ]);
    assert.deepEqual(values(readCsvTable(bodyOf('city,age\n007,41', two), 'named')), [
      ['age', [1, 1], [41n]],
      ['city', [1, 1], '\x03\0\0\x00007'],
    ]);
  });

  it('CSV: without names', () => {
    assert.deepEqual(values(readCsvTable(bodyOf('1,2'), 'unnamed')), inOrder);
  });

  it('are asked for in parts of what the model takes', () => {
    const { requests } = readCsvTable(bodyOf('1,2\n'.repeat(20)), 'unnamed');
    assert.deepEqual(
      requests.map(({ inputs }) => inputs[0]?.shape),
      [
        [8, 2],
        [8, 2],
        [4, 2],
      ],
    );
  });
});

describe('a table is refused', () => {
  const cases = [
    ['without data', () => readSplit(bodyOf('{"columns":["a"]}'), 0), /must be an object with 'data'/],
    ['when it is no object', () => readSplit(bodyOf('[]'), 0), /must be an object with 'data'/],
    ['with names that are none', () => readSplit(bodyOf('{"columns":[[]],"data":[]}'), 0), /'columns'/],
    ['without rows', () => readSplit(bodyOf('{"data":[]}'), 0), /has no rows/],
    ['with rows that are none', () => readSplit(bodyOf('{"data":[1]}'), 0), /'features'/],
    ['with too few columns', () => readSplit(bodyOf('{"data":[[1]]}'), 0), /'x' takes 2 values, got 1/],
    [
      'with longer rows',
      () => readSplit(bodyOf('{"data":[[1,2],[1,2,3]]}'), 0),
      /row 1: feature 2 is one too many/,
    ],
    ['with shorter rows', () => readSplit(bodyOf('{"data":[[1,2],[1]]}'), 0), /row 1: '1' is missing/],
    [
      'without a column of a feature',
      () => readSplit(bodyOf('{"columns":["a","c"],"data":[[1,2]]}', one, ['a', 'b']), 0),
      /'b' is missing/,
    ],
    ['when records are no objects', () => readRecords(bodyOf('[[1]]'), 0), /not an object/],
    ['when records are no list', () => readRecords(bodyOf('{}'), 0), /'dataframe_records'/],
    ['with words for numbers', () => readCsvTable(bodyOf('p,q\n1,two'), 'named'), /'q' must be a number/],
    [
      'with too many names',
      () => readSplit(bodyOf(`{"columns":[${'0,'.repeat(65_536)}0],"data":[]}`), 0),
      /more than 65536 columns/,
    ],
    [
      'with too many keys',
      () => readRecords(bodyOf(`[{${'"":0,'.repeat(65_536)}"":0}]`), 0),
      /more than 65536 columns/,
    ],
    ['that is empty', () => readCsvTable(bodyOf(''), 'named'), /has no rows/],
    ['with nothing but names', () => readCsvTable(bodyOf('p,q\n'), 'named'), /has no rows/],
  ] as const;
  for (const [title, run, problem] of cases) it(title, () => assert.throws(run, problem));
});
