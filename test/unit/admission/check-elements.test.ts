import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBooleans, checkByteElements } from '../../../src/admission/check-elements.ts';
import { buildSpec } from '../../support/build-target.ts';
import { refusalOf } from '../../support/refusal.ts';

test('a wrong BOOL is found at every place of a tensor, wherever the tensor begins in its buffer', () => {
  const spec = buildSpec();
  for (let offset = 0; offset < 5; offset++) {
    for (let length = 0; length < 12; length++) {
      const memory = new Uint8Array(32).fill(255);
      const data = memory.subarray(offset, offset + length).fill(1);
      const input = { name: 'x', datatype: 'BOOL', shape: [length], data } as const;
      assert.doesNotThrow(() => checkBooleans(spec, input), `offset ${offset}, length ${length}`);
      for (let wrong = 0; wrong < length; wrong++) {
        data[wrong] = 0x80;
        refusalOf(() => checkBooleans(spec, input));
        data[wrong] = 1;
      }
    }
  }
});

/** The wire form of elements. */
function elementsOf(...texts: readonly Buffer[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.length);
      return [length, text];
    }),
  );
}

for (const [title, shared] of [
  ['', false],
  [', in shared memory too', true],
] as const) {
  test(`elements of BYTES are UTF-8 without NUL, short and long${title}`, () => {
    const spec = buildSpec();
    const check = (element: Buffer): void => {
      const wire = elementsOf(Buffer.from('good'), element);
      const data = shared ? new Uint8Array(new SharedArrayBuffer(wire.length)) : wire;
      if (shared) data.set(wire);
      checkByteElements(spec, { name: 'x', datatype: 'BYTES', shape: [2], data }, 2);
    };
    for (const length of [0, 1, 60, 70, 1000]) {
      const plain = Buffer.alloc(length, 'a');
      assert.doesNotThrow(() => check(plain));
      for (const text of ['é', '\uFFFD', '💥'])
        assert.doesNotThrow(() => check(Buffer.concat([plain, Buffer.from(text), plain])));
      for (const [wrong, problem] of [
        ['00', /element 1 of BYTES input 'x' .* contains a NUL byte/],
        ['c3a900', /contains a NUL byte/],
        ['ff', /element 1 of BYTES input 'x' .* is not valid UTF-8/],
        ['eda080', /is not valid UTF-8/],
        ['c3', /is not valid UTF-8/],
      ] as const) {
        const bytes = Buffer.concat([plain, Buffer.from(wrong, 'hex')]);
        assert.match(refusalOf(() => check(bytes)).message, problem);
      }
    }
  });
}
