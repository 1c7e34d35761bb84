import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Datatype } from '../../../../src/inference/datatype.ts';
import { readElements } from '../../../../src/transport/http/json-elements.ts';
import { JsonReader } from '../../../../src/transport/http/json-reader.ts';

function read(text: string, count: number, datatype: Datatype = 'FP32'): number[] {
  const reader = new JsonReader(Buffer.from(text));
  const data = readElements(reader, { name: 'x', datatype, count, maxBytes: 1 << 20 });
  reader.finish();
  const { buffer, byteOffset, byteLength } = data;
  return datatype === 'FP32'
    ? [...new Float32Array(buffer, byteOffset, byteLength / 4)]
    : [...new Float64Array(buffer, byteOffset, byteLength / 8)];
}

/** As people and programs write decimals, short and long. */
const decimal = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9][0-9]{0,20}$/)),
    fc.oneof(fc.constant(''), fc.stringMatching(/^\.[0-9]{1,22}$/)),
    fc.oneof({ weight: 9, arbitrary: fc.constant('') }, fc.stringMatching(/^[eE][-+]?[0-9]$/)),
  )
  .map((parts) => parts.join(''));

const separator = fc.constantFrom(',', ', ', ',  ', ' ,', ',\n', ',\t ');

describe('decimals in arrays', () => {
  for (const [datatype, rounded] of [
    ['FP32', Math.fround],
    ['FP64', Number],
  ] as const) {
    it(`are read as Number reads them, for ${datatype}, whatever stands between them`, () => {
      fc.assert(
        fc.property(fc.array(fc.tuple(decimal, separator), { minLength: 1, maxLength: 300 }), (items) => {
          const text = items
            .map(([number, between], index) => (index === 0 ? number : between + number))
            .join('');
          const expected = items.map(([number]) => rounded(Number(number)));
          assert.deepEqual(read(`[${text}]`, items.length, datatype), expected);
        }),
        { numRuns: 300 },
      );
    });
  }

  it('are read beyond what one call takes, nested too', () => {
    const rows = Array.from({ length: 3 }, (_, row) =>
      Array.from({ length: 500 }, (_element, column) => row + column / 8),
    );
    assert.deepEqual(read(JSON.stringify(rows), 1500), rows.flat());
  });

  it('keep the sign of zero', () => {
    assert.ok(read('[-0,-0.0,-0.000]', 3).every((value) => Object.is(value, -0)));
  });

  it('are followed by names of what is no number', () => {
    assert.deepEqual(read('[1,NaN,2.5,-Infinity,Infinity,3]', 6), [1, NaN, 2.5, -Infinity, Infinity, 3]);
  });

  for (const [text, count] of [
    ['[01,2]', 2],
    ['[1,00.5]', 2],
    ['[1.,2]', 2],
    ['[1,.5]', 2],
    ['[1,-]', 2],
    ['[1,--2]', 2],
    ['[1,+2]', 2],
    ['[1,,2]', 2],
    ['[1, ,2]', 2],
    ['[1,2,]', 2],
    ['[,1]', 1],
    ['[1 2]', 2],
    ['[1.5.5]', 1],
    ['[1e]', 1],
    ['[1,2e+]', 2],
    ['[1a]', 1],
    ['[0x10]', 1],
    ['[1,"2"]', 2],
    ['[1,null]', 2],
    ['[1', 1],
    ['[1,', 2],
    ['[1.', 1],
    ['[1,2,3]', 2],
    ['[1,2]', 3],
    ['[1]]', 1],
    ['1,2', 2],
    ['[1e39]', 1],
    [`[1,${'9'.repeat(400)}]`, 2],
  ] as const) {
    it(`${text.slice(0, 20)} is refused for ${count}`, () => {
      assert.throws(() => read(text, count), { code: 'invalid_argument' });
    });
  }

  it('outside of an array one is one, also where more follow', () => {
    const reader = new JsonReader(Buffer.from('[1.5,2.5]'));
    reader.beginArray();
    assert.equal(reader.nextElement(), true);
    const data = readElements(reader, { name: 'x', datatype: 'FP32', count: 1, maxBytes: 100 });
    assert.equal(data.readFloatLE(0), 1.5);
    assert.equal(reader.peek(), ','.charCodeAt(0));
  });
});
