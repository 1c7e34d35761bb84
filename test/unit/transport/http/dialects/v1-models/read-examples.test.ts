import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TensorMetadata } from '../../../../../../src/inference/catalog.ts';
import { readExamples } from '../../../../../../src/transport/http/dialects/v1-models/read-examples.ts';
import { refusalOf } from '../../../../../support/refusal.ts';

const inputs: readonly TensorMetadata[] = [
  { name: 'a', datatype: 'UINT8', shape: [-1, 2] },
  { name: 'b', datatype: 'BYTES', shape: [-1] },
  { name: 'c', datatype: 'UINT8', shape: [-1, 1] },
  { name: 'd', datatype: 'UINT8', shape: [-1, -1] },
];

function read(body: string): readonly string[] {
  return readExamples({ bytes: Buffer.from(body), inputs, maxBytes: 1 << 20 }).map(
    ({ name, shape, data }) => `${name}[${shape.join()}]=${Buffer.from(data).toString('hex')}`,
  );
}

describe('readExamples', () => {
  const rows: readonly (readonly [title: string, body: string, tensors: readonly string[]])[] = [
    ['one example', '{"examples":[{"a":[1,2]}]}', ['a[1,2]=0102']],
    ['a value where the model has a list of one', '{"examples":[{"c":1},{"c":2}]}', ['c[2,1]=0102']],
    ['a list of one where the model has a value', '{"examples":[{"b":["x"]}]}', ['b[1]=0100000078']],
    ['as many values as there are', '{"examples":[{"d":[1,2,3]}]}', ['d[1,3]=010203']],
    [
      'features of the context in every example that lacks them',
      '{"context":{"c":9,"a":[7,8]},"examples":[{"a":[1,2]},{"c":3,"a":[5,6]},{}],"x":[]}',
      ['a[3,2]=010205060708', 'c[3,1]=090309'],
    ],
    ['the context behind the examples', '{"examples":[{}],"context":{"c":9}}', ['c[1,1]=09']],
    ['the default signature', '{"signature_name":"serving_default","examples":[{"c":1}]}', ['c[1,1]=01']],
  ];
  for (const [title, body, tensors] of rows) {
    it(`reads ${title}`, () => assert.deepEqual(read(body), tensors));
  }

  const refused: readonly (readonly [title: string, body: string, reason: string])[] = [
    ['a body without examples', '{"instances":[1]}', 'MALFORMED_MESSAGE'],
    ['examples that are no list', '{"examples":{"a":1}}', 'MALFORMED_MESSAGE'],
    ['an example that is no object', '{"examples":[{"c":1},2]}', 'MALFORMED_MESSAGE'],
    ['no examples', '{"examples":[]}', 'MISSING_DATA'],
    ['a context that is no object', '{"context":[],"examples":[{"c":1}]}', 'MALFORMED_MESSAGE'],
    ['another signature', '{"signature_name":"x","examples":[{"c":1}]}', 'SIGNATURE_NOT_FOUND'],
    ['an unknown feature', '{"examples":[{"z":1}]}', 'UNEXPECTED_TENSOR'],
    ['nested lists', '{"examples":[{"a":[[1,2]]}]}', 'INVALID_SHAPE'],
    ['too few values', '{"examples":[{"a":[1]}]}', 'WRONG_SIZE'],
    ['a feature that is missing later', '{"examples":[{"c":1},{}]}', 'MISSING_DATA'],
    ['different numbers of values', '{"examples":[{"d":[1]},{"d":[1,2]}]}', 'INVALID_SHAPE'],
    [
      'a long context of many examples',
      `{"context":{"c":0${' '.repeat(2000)}},"examples":[${Array(600).fill('{}').join()}]}`,
      'BODY_TOO_LARGE',
    ],
    ['a broken context', '{"examples":[{"c":1}],"context":{"d":[1,}}', 'MALFORMED_MESSAGE'],
  ];
  for (const [title, body, reason] of refused) {
    it(`refuses ${title}`, () => assert.equal(refusalOf(() => read(body)).reason, reason));
  }
});
