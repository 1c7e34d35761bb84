import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeStrings, encodeStrings } from '../../../src/execution/string-elements.ts';

const codeOf = (run: () => unknown): unknown => {
  try {
    run();
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? thrown.code : thrown;
  }
  return 'nothing thrown';
};

test('strings come back from their wire form', () => {
  const element = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(element, { maxLength: 20 }), (strings) => {
      const wire = encodeStrings(strings);
      assert.deepEqual(decodeStrings('x', wire, strings.length), strings);
    }),
    { numRuns: 100 },
  );
});

test('the wire form is a uint32 length and the UTF-8 bytes of each element', () => {
  assert.deepEqual([...encodeStrings(['é', ''])], [2, 0, 0, 0, 0xc3, 0xa9, 0, 0, 0, 0]);
});

test('encoded strings own their buffer, so that it can be transferred', () => {
  const wire = encodeStrings(['abc']);
  assert.equal(wire.buffer.byteLength, wire.byteLength);
});

test('a replacement character that was sent is no fault', () => {
  assert.deepEqual(decodeStrings('x', encodeStrings(['\ufffd']), 1), ['\ufffd']);
});

for (const [what, bytes, count] of [
  ['bytes that are not UTF-8', [1, 0, 0, 0, 0xff], 1],
  ['a NUL, at which onnxruntime would cut the element', [3, 0, 0, 0, 0x61, 0, 0x62], 1],
  ['a length beyond the data', [9, 0, 0, 0, 0x61], 1],
  ['a cut length', [1, 0], 1],
  ['fewer elements than the shape says', [1, 0, 0, 0, 0x61], 2],
  ['more elements than the shape says', [1, 0, 0, 0, 0x61, 0, 0, 0, 0], 1],
] as const) {
  test(`${what}: refused as invalid_argument`, () => {
    assert.equal(
      codeOf(() => decodeStrings('x', Uint8Array.from(bytes), count)),
      'invalid_argument',
    );
  });
}
