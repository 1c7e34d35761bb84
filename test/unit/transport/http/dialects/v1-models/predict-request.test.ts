import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { ServingError } from '../../../../../../src/errors.ts';
import type { TensorMetadata } from '../../../../../../src/inference/catalog.ts';
import {
  decodePredictRequest,
  type DecodedPredict,
  type PredictForm,
} from '../../../../../../src/transport/http/dialects/v1-models/predict-request.ts';
import { refusalOf } from '../../../../../support/refusal.ts';

const one: readonly TensorMetadata[] = [{ name: 'x', datatype: 'UINT8', shape: [-1, 2] }];
const two: readonly TensorMetadata[] = [
  { name: 'a', datatype: 'UINT8', shape: [-1, 2] },
  { name: 'b', datatype: 'BYTES', shape: [-1] },
];
const text: readonly TensorMetadata[] = [{ name: 'x', datatype: 'BYTES', shape: [-1] }];

interface Asked {
  readonly inputs?: readonly TensorMetadata[];
  readonly inputsForm?: PredictForm;
  readonly maxBytes?: number;
}

function decode(
  body: string,
  { inputs = one, inputsForm = 'column', maxBytes = 1 << 20 }: Asked = {},
): DecodedPredict {
  return decodePredictRequest({
    model: 'm',
    version: '2',
    bytes: Buffer.from(body),
    inputs,
    maxBytes,
    inputsForm,
  });
}

/** Name, shape and bytes of each input, short. */
function shown({ request }: DecodedPredict): readonly string[] {
  return request.inputs.map(
    ({ name, shape, data }) => `${name}[${shape.join()}]=${Buffer.from(data).toString('hex')}`,
  );
}

describe('decodePredictRequest', () => {
  const rows: readonly (readonly [
    title: string,
    body: string,
    asked: Asked,
    form: PredictForm,
    inputs: readonly string[],
  ])[] = [
    ['rows of the only input', '{"instances":[[1,2],[3,4]]}', {}, 'row', ['x[2,2]=01020304']],
    ['rows that are values', '{"instances":[1,2,3]}', {}, 'row', ['x[3]=010203']],
    ['rows by name', '{"instances":[{"x":[1,2]},{"x":[3,4]}]}', {}, 'row', ['x[2,2]=01020304']],
    [
      'rows of two inputs, in any order',
      '{"instances":[{"a":[1,2],"b":"c"},{"b":"d","a":[3,4]}]}',
      { inputs: two },
      'row',
      ['a[2,2]=01020304', 'b[2]=01000000630100000064'],
    ],
    ['a row of base64', '{"instances":[{"b64":"/w=="}]}', { inputs: text }, 'row', ['x[1]=01000000ff']],
    [
      'a row by name of base64',
      '{"instances":[{"x":{"b64":"/w=="}}]}',
      { inputs: text },
      'row',
      ['x[1]=01000000ff'],
    ],
    ['a column', '{"inputs":[[1,2]]}', {}, 'column', ['x[1,2]=0102']],
    ['a column by name', '{"inputs":{"x":[[1,2]]}}', {}, 'column', ['x[1,2]=0102']],
    ['a scalar column', '{"inputs":7}', {}, 'column', ['x[]=07']],
    ['a column of base64', '{"inputs":{"b64":"/w=="}}', { inputs: text }, 'column', ['x[]=01000000ff']],
    [
      'two columns',
      '{"inputs":{"b":["c"],"a":[[1,2]]}}',
      { inputs: two },
      'column',
      ['b[1]=0100000063', 'a[1,2]=0102'],
    ],
    [
      'a row of an input that is called b64',
      '{"instances":[{"b64":"/w=="}]}',
      { inputs: [{ name: 'b64', datatype: 'BYTES', shape: [-1] }] },
      'row',
      ['b64[1]=040000002f773d3d'],
    ],
    ["KServe's inputs", '{"inputs":[[1,2]]}', { inputsForm: 'row' }, 'row', ['x[1,2]=0102']],
    ['keys that nobody knows', '{"a":[{}],"instances":[[1,2]],"b":null}', {}, 'row', ['x[1,2]=0102']],
    ['the default signature', '{"signature_name":"serving_default","inputs":[1]}', {}, 'column', ['x[1]=01']],
    ['an empty signature behind the data', '{"inputs":[1],"signature_name":""}', {}, 'column', ['x[1]=01']],
  ];
  for (const [title, body, asked, form, inputs] of rows) {
    it(`reads ${title}`, () => {
      const decoded = decode(body, asked);
      assert.deepEqual(shown(decoded), inputs);
      assert.equal(decoded.form, form);
      assert.equal(decoded.request.model, 'm');
      assert.equal(decoded.request.version, '2');
      assert.deepEqual(decoded.request.outputs, []);
    });
  }

  const refused: readonly (readonly [title: string, body: string, reason: string, asked?: Asked])[] = [
    ['nothing', '', 'MALFORMED_MESSAGE'],
    ['a list', '[]', 'MALFORMED_MESSAGE'],
    ['neither form', '{}', 'MALFORMED_MESSAGE'],
    ['both forms', '{"instances":[1],"inputs":[1]}', 'MALFORMED_MESSAGE'],
    ['one form twice', '{"instances":[1],"instances":[1]}', 'MALFORMED_MESSAGE'],
    ['two documents', '{"instances":[1]}{}', 'MALFORMED_MESSAGE'],
    ['an object of rows', '{"instances":{"x":1}}', 'MALFORMED_MESSAGE'],
    ['no rows', '{"instances":[]}', 'MISSING_DATA'],
    ['another signature', '{"signature_name":"a","instances":[1]}', 'SIGNATURE_NOT_FOUND'],
    ['a signature that is no text', '{"signature_name":1,"instances":[1]}', 'MALFORMED_MESSAGE'],
    ['rows without names for two inputs', '{"instances":[[1,2]]}', 'WRONG_INPUTS', { inputs: two }],
    ['a column without a name for two inputs', '{"inputs":[[1,2]]}', 'WRONG_INPUTS', { inputs: two }],
    ['an unknown input in a row', '{"instances":[{"z":1}]}', 'UNEXPECTED_TENSOR'],
    ['an unknown column', '{"inputs":{"z":1}}', 'UNEXPECTED_TENSOR'],
    ['a column twice', '{"inputs":{"x":1,"x":2}}', 'DUPLICATE_TENSOR'],
    ['an input twice in a row', '{"instances":[{"x":1,"x":2}]}', 'MISSING_DATA'],
    ['an input that is missing later', '{"instances":[{"x":1},{}]}', 'MISSING_DATA'],
    ['an input that is missing first', '{"instances":[{},{"x":1}]}', 'MISSING_DATA'],
    ['rows of different shapes', '{"instances":[{"x":[1,2]},{"x":[1]}]}', 'INVALID_SHAPE'],
    ['a value among objects', '{"instances":[{"x":[1,2]},1]}', 'MALFORMED_MESSAGE'],
    ['lists of different sizes', '{"instances":[[1,2],[1]]}', 'INVALID_SHAPE'],
    ['a fraction', '{"instances":[1.5]}', 'INVALID_CONTENTS'],
    ['rows without an end', '{"instances":[{"x":[1', 'MALFORMED_MESSAGE'],
    ['nesting without an end', `{"instances":${'['.repeat(200)}`, 'INVALID_SHAPE'],
    ['nested objects without an end', `{"instances":${'[{"x":'.repeat(200)}`, 'MALFORMED_MESSAGE'],
    ['more bytes than a request may have', '{"instances":[[1,2]]}', 'BODY_TOO_LARGE', { maxBytes: 1 }],
    [
      'columns that together have more bytes than a request may have',
      '{"inputs":{"a":[[1,2]],"b":["c"]}}',
      'BODY_TOO_LARGE',
      { inputs: two, maxBytes: 6 },
    ],
  ];
  for (const [title, body, reason, asked] of refused) {
    it(`refuses ${title}`, () => assert.equal(refusalOf(() => decode(body, asked)).reason, reason));
  }

  const bodies = [
    '{"signature_name":"","instances":[{"a":[1,2],"b":"c"},{"b":{"b64":"/w=="},"a":[3,4]}]}',
    '{"inputs":{"b":["c","d"],"a":[[1,2],[3,4]]},"x":[{}]}',
  ];
  for (const body of bodies) {
    it(`answers or refuses, whatever becomes of ${body.slice(0, 30)}`, () => {
      const bytes = fc.record({
        at: fc.nat(body.length - 1),
        by: fc.constantFrom(...'{ } [ ] , : " 0 e - \\'.split(' ')),
      });
      fc.assert(
        fc.property(fc.array(bytes, { minLength: 1, maxLength: 3 }), fc.nat(body.length), (changes, end) => {
          const text = body.split('');
          for (const { at, by } of changes) text[at] = by;
          try {
            decode(text.slice(0, end).join(''), { inputs: two });
          } catch (error) {
            assert.ok(error instanceof ServingError, String(error));
          }
        }),
        { numRuns: 300 },
      );
    });
  }
});
