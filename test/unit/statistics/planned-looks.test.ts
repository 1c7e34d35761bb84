import assert from 'node:assert/strict';
import { test } from 'node:test';
import { obrienFleming } from '../../../src/statistics/planned-looks.ts';

for (const [looks, constant] of [
  [1, 1.96],
  [2, 1.977],
  [3, 2.004],
  [4, 2.024],
  [5, 2.04],
  [10, 2.087],
] as const) {
  test(`O'Brien and Fleming's constant for ${looks} looks at 5 % is the published ${constant}`, () => {
    const boundaries = obrienFleming(looks);
    assert.equal(boundaries.length, looks);
    assert.ok(Math.abs((boundaries.at(-1) ?? 0) - constant) < 0.001, `${boundaries.at(-1)}`);
    assert.ok(Math.abs((boundaries[0] ?? 0) - constant * Math.sqrt(looks)) < 0.004);
  });
}
