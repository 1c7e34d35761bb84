import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ModelCatalog, TensorMetadata } from '../../../../../../src/inference/catalog.ts';
import {
  decodeParts,
  decodePrediction,
} from '../../../../../../src/transport/http/dialects/torchserve/prediction-request.ts';
import { fakeCatalog } from '../../../../../support/fake-catalog.ts';
import { refusalOf } from '../../../../../support/refusal.ts';

const one: readonly TensorMetadata[] = [{ name: 'x', datatype: 'UINT8', shape: [-1, 2] }];
const two: readonly TensorMetadata[] = [...one, { name: 'y', datatype: 'BYTES', shape: [-1, 1] }];
const text: readonly TensorMetadata[] = [{ name: 'x', datatype: 'BYTES', shape: [-1, 1] }];

const json = 'application/json';
const form = 'multipart/form-data; boundary=b';

interface Asked {
  readonly inputs?: readonly TensorMetadata[];
  readonly type?: string;
  readonly maxBatchSize?: number;
  readonly maxBytes?: number;
}

function decode(
  body: string,
  { inputs = one, type = json, maxBatchSize = 8, maxBytes = 1 << 20 }: Asked = {},
) {
  const metadata = { name: 'm', versions: ['1'], platform: '', inputs, outputs: [] };
  const catalog: ModelCatalog = {
    ...fakeCatalog([metadata]),
    config: () => ({ max_batch_size: maxBatchSize }),
  };
  const bytes = Buffer.from(body, 'latin1');
  return decodePrediction({ model: 'm', version: '', bytes, contentType: type, maxBytes }, catalog);
}

/** Name, shape and bytes of each input, short. */
function shown(body: string, asked?: Asked): readonly string[] {
  return decode(body, asked).request.inputs.map(
    ({ name, shape, data }) => `${name}[${shape.join()}]=${Buffer.from(data).toString('hex')}`,
  );
}

function part(name: string, content: string, type = ''): string {
  const typed = type === '' ? '' : `\r\nContent-Type: ${type}`;
  return `--b\r\nContent-Disposition: form-data; name="${name}"${typed}\r\n\r\n${content}\r\n`;
}

describe('decodePrediction', () => {
  const rows: readonly (readonly [title: string, body: string, asked: Asked, inputs: readonly string[]])[] = [
    ['a row of the only input', '[1,2]', {}, ['x[1,2]=0102']],
    ['a whole tensor of a model without batches', '[[1,2],[3,4]]', { maxBatchSize: 0 }, ['x[2,2]=01020304']],
    ['a row by name', '{"x":[1,2]}', {}, ['x[1,2]=0102']],
    ['a row of two inputs', '{"y":["a"],"x":[1,2]}', { inputs: two }, ['y[1,1]=0100000061', 'x[1,2]=0102']],
    ["JSON of curl's own type", '[1,2]', { type: 'application/x-www-form-urlencoded' }, ['x[1,2]=0102']],
    ['JSON of another type', '[1,2]', { type: 'application/vnd.x+json; charset=utf-8' }, ['x[1,2]=0102']],
    ['the bytes of the only input', '\x01\x02', { type: 'application/octet-stream' }, ['x[1,2]=0102']],
    ['bytes without a type', '[1', { type: '' }, ['x[1,2]=5b31']],
    ['bytes for a model of text', 'abc', { type: 'image/png', inputs: text }, ['x[1,1]=03000000616263']],
    ['a form of one part', `${part('data', '\x01\x02')}--b--`, { type: form }, ['x[1,2]=0102']],
    ['a form of JSON', `${part('data', '[1,2]', json)}--b--`, { type: form }, ['x[1,2]=0102']],
    [
      'a form with a part for each input',
      `${part('y', 'a')}${part('x', '[1,2]', json)}--b--`,
      { type: form, inputs: two },
      ['y[1,1]=0100000061', 'x[1,2]=0102'],
    ],
  ];
  for (const [title, body, asked, inputs] of rows) {
    it(`reads ${title}`, () => assert.deepEqual(shown(body, asked), inputs));
  }

  const refused: readonly (readonly [title: string, body: string, reason: string, asked?: Asked])[] = [
    ['no body', '', 'MALFORMED_MESSAGE'],
    ['two documents', '[1,2][3,4]', 'MALFORMED_MESSAGE'],
    [
      'something behind the JSON of a part',
      `${part('data', '[1,2]]', json)}--b--`,
      'MALFORMED_MESSAGE',
      { type: form },
    ],
    ['a value for a model of two inputs', '[1,2]', 'WRONG_INPUTS', { inputs: two }],
    ['bytes for a model of two inputs', 'ab', 'WRONG_INPUTS', { inputs: two, type: '' }],
    [
      'a part called data for a model of two inputs',
      `${part('data', 'ab')}--b--`,
      'WRONG_INPUTS',
      { inputs: two, type: form },
    ],
    ['an unknown input', '{"z":1}', 'UNEXPECTED_TENSOR'],
    ['an unknown part', `${part('z', 'ab')}--b--`, 'UNEXPECTED_TENSOR', { type: form }],
    ['an input twice', '{"x":[1,2],"x":[1,2]}', 'DUPLICATE_TENSOR'],
    ['a part twice', `${part('x', 'ab')}${part('data', 'ab')}--b--`, 'DUPLICATE_TENSOR', { type: form }],
    [
      'bytes of a whole number of elements only',
      'abc',
      'WRONG_INPUTS',
      { type: '', inputs: [{ name: 'x', datatype: 'INT16', shape: [-1, -1] }] },
    ],
    ['a form that is none', 'x', 'MALFORMED_MESSAGE', { type: form }],
    ['more bytes than a request may have', '[1,2]', 'BODY_TOO_LARGE', { maxBytes: 1 }],
  ];
  for (const [title, body, reason, asked] of refused) {
    it(`refuses ${title}`, () => assert.equal(refusalOf(() => decode(body, asked)).reason, reason));
  }
});

describe('decodeParts', () => {
  const bytes: readonly TensorMetadata[] = [{ name: 'x', datatype: 'UINT8', shape: [-1, 5] }];
  const any: readonly TensorMetadata[] = [{ name: 'x', datatype: 'UINT8', shape: [-1, -1] }];
  const whole: readonly TensorMetadata[] = [{ name: 'x', datatype: 'UINT8', shape: [2, 2] }];

  function shownParts(
    parts: Readonly<Record<string, string>>,
    inputs: readonly TensorMetadata[],
    maxBatchSize = 8,
  ): readonly string[] {
    const metadata = { name: 'm', versions: ['1'], platform: '', inputs, outputs: [] };
    const catalog: ModelCatalog = {
      ...fakeCatalog([metadata]),
      config: () => ({ max_batch_size: maxBatchSize }),
    };
    const buffers = new Map(Object.entries(parts).map(([name, text]) => [name, Buffer.from(text, 'latin1')]));
    const decoded = decodeParts({ model: 'm', version: '', parts: buffers, maxBytes: 1 << 20 }, catalog);
    return decoded.request.inputs.map(
      ({ name, shape, data }) => `${name}[${shape.join()}]=${Buffer.from(data).toString('hex')}`,
    );
  }

  for (const [title, parts, inputs, expected] of [
    ['JSON of the only input', { data: '[1,2]' }, one, ['x[1,2]=0102']],
    ['its bytes', { data: '\x01\x02' }, one, ['x[1,2]=0102']],
    [
      'bytes as long as the row that look like JSON of another shape',
      { x: '[1,2]' },
      bytes,
      ['x[1,5]=5b312c325d'],
    ],
    ['JSON where any length may be meant', { x: '[1,2]' }, any, ['x[1,2]=0102']],
    ['bytes where any length may be meant', { x: 'abc' }, any, ['x[1,3]=616263']],
    ['any bytes for text', { x: '[1,2]' }, text, ['x[1,1]=050000005b312c325d']],
    ['parts by name', { y: 'a', x: '[1,2]' }, two, ['y[1,1]=0100000061', 'x[1,2]=0102']],
  ] as const) {
    it(`reads ${title}`, () => assert.deepEqual(shownParts(parts, inputs), expected));
  }

  it('reads a whole tensor of a model without batches, as JSON and as bytes', () => {
    assert.deepEqual(shownParts({ x: '[[1,2],[3,4]]' }, whole, 0), ['x[2,2]=01020304']);
    assert.deepEqual(shownParts({ x: '\x01\x02\x03\x04' }, whole, 0), ['x[2,2]=01020304']);
  });

  for (const [title, parts, inputs, reason] of [
    ['an input twice', { data: '[1,2]', x: '[1,2]' }, one, 'DUPLICATE_TENSOR'],
    ['a name that no input has', { z: '[1,2]' }, one, 'UNEXPECTED_TENSOR'],
    ['data for one of several', { data: '[1,2]' }, two, 'WRONG_INPUTS'],
  ] as const) {
    it(`refuses ${title}`, () => {
      assert.equal(refusalOf(() => shownParts(parts, inputs)).reason, reason);
    });
  }
});
