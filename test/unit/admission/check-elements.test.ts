import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBooleans } from '../../../src/admission/check-elements.ts';
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
