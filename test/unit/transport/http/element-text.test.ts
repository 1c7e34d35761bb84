import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appendElements } from '../../../../src/transport/http/element-text.ts';
import { refusalOf } from '../../../support/refusal.ts';

/** Elements of BYTES as the JSON of a list. */
function textOf(elements: readonly Buffer[]): string {
  const lengths = elements.map(({ length }) => {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32LE(length);
    return prefix;
  });
  const data = Buffer.concat(elements.flatMap((element, index) => [lengths[index]!, element]));
  const pieces: Uint8Array[] = [];
  appendElements(pieces, { name: 'y', datatype: 'BYTES', shape: [elements.length], data });
  return `[${Buffer.concat(pieces).toString()}]`;
}

const texts = ['', 'plain', 'Grüße', '"\\\n', '日本', '\ufffd', '\u0000'];

for (const count of [1, 2, 16_383, 16_384, 16_385, 40_000]) {
  test(`${count} texts are written as JSON, whole and in order`, () => {
    const wanted = Array.from({ length: count }, (_, index) => texts[index % texts.length]!);
    assert.deepEqual(JSON.parse(textOf(wanted.map((text) => Buffer.from(text)))), wanted);
  });
}

test('bytes that are no text are refused wherever they stand', () => {
  const bad = Buffer.from([0x61, 0xff]);
  assert.equal(refusalOf(() => textOf([bad])).code, 'invalid_argument');
  const many = Array.from({ length: 20_000 }, () => Buffer.from('a'));
  assert.equal(refusalOf(() => textOf([...many, bad])).code, 'invalid_argument');
});
