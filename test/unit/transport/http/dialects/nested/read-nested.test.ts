import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Tensor } from '../../../../../../src/inference/tensor.ts';
import { JsonReader } from '../../../../../../src/transport/http/json-reader.ts';
import { readNested } from '../../../../../../src/transport/http/dialects/nested/read-nested.ts';
import { refusalOf } from '../../../../../support/refusal.ts';

function read(text: string, datatype: string, leftBytes = 1 << 20): Tensor {
  const reader = new JsonReader(Buffer.from(text));
  return readNested(reader, { name: 'x', datatype, shape: [-1] }, { leftBytes });
}

function hexOf({ data }: Tensor): string {
  return Buffer.from(data).toString('hex');
}

describe('readNested', () => {
  const rows: readonly (readonly [datatype: string, text: string, shape: readonly number[], hex: string])[] =
    [
      ['FP32', '[[1],[2.5]]', [2, 1], '0000803f00002040'],
      ['FP32', '7', [], '0000e040'],
      ['FP64', '[1]', [1], '000000000000f03f'],
      ['INT64', '[-1,9007199254740993]', [2], 'ffffffffffffffff0100000000002000'],
      ['UINT8', '[[1,255]]', [1, 2], '01ff'],
      ['BOOL', '[true,false]', [2], '0100'],
      ['FP16', '[1,-2.5,65504]', [3], '003c00c1ff7b'],
      ['BF16', '[1,-2.5,1.00390625]', [3], '803f20c0803f'],
      ['BF16', '[1.01171875,-Infinity]', [2], '823f80ff'],
      ['BYTES', '["é",{"b64":"//4="},""]', [3], '02000000c3a902000000fffe00000000'],
      ['BYTES', '{"b64":""}', [], '00000000'],
      ['BYTES', '[{"b64":"_-8"}]', [1], '02000000ffef'],
    ];
  for (const [datatype, text, shape, hex] of rows) {
    it(`reads ${text} as ${datatype}`, () => {
      const tensor = read(text, datatype);
      assert.deepEqual(tensor.shape, shape);
      assert.equal(tensor.datatype, datatype);
      assert.equal(hexOf(tensor), hex);
    });
  }

  it('keeps a BF16 that is no number one', () => {
    assert.equal(hexOf(read('[NaN]', 'BF16')), 'c07f');
  });

  const refused: readonly (readonly [title: string, text: string, datatype: string, reason: string])[] = [
    ['a fraction for an integer', '[1.5]', 'INT32', 'INVALID_CONTENTS'],
    ['an integer out of range', '[256]', 'UINT8', 'INVALID_CONTENTS'],
    ['text for a number', '["1"]', 'FP32', 'INVALID_CONTENTS'],
    ['a number for text', '[1]', 'BYTES', 'INVALID_CONTENTS'],
    ['null', '[null]', 'FP32', 'INVALID_CONTENTS'],
    ['bytes for a number', '[{"b64":"AA=="}]', 'FP32', 'INVALID_CONTENTS'],
    ['an object without b64', '[{"b63":"AA=="}]', 'BYTES', 'INVALID_CONTENTS'],
    ['an object with more than b64', '[{"b64":"AA==","a":1}]', 'BYTES', 'INVALID_CONTENTS'],
    ['what is no base64', '[{"b64":"*"}]', 'BYTES', 'INVALID_CONTENTS'],
    ['base64 that is a number', '[{"b64":1}]', 'BYTES', 'INVALID_CONTENTS'],
    ['a float that FP16 does not hold', '[65520]', 'FP16', 'INVALID_CONTENTS'],
    ['a missing element', '[1,,2]', 'FP32', 'MALFORMED_MESSAGE'],
    ['a missing comma', '[1 2]', 'FP32', 'MALFORMED_MESSAGE'],
    ['a comma at the end', '[1,]', 'FP32', 'MALFORMED_MESSAGE'],
    ['an unknown datatype', '[1]', 'FP8', 'INVALID_DATATYPE'],
  ];
  for (const [title, text, datatype, reason] of refused) {
    it(`refuses ${title}`, () => assert.equal(refusalOf(() => read(text, datatype)).reason, reason));
  }

  it('refuses more bytes than are left for the request', () => {
    assert.equal(refusalOf(() => read('[1,1,1]', 'FP64', 23)).reason, 'BODY_TOO_LARGE');
    assert.equal(refusalOf(() => read('["aaaa"]', 'BYTES', 7)).reason, 'BODY_TOO_LARGE');
  });
});
